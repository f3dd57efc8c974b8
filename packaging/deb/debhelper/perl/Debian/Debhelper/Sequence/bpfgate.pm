# SPDX-License-Identifier: MIT
# dh $@ --with bpfgate
use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

# Snippets of postinst run in the order in which they were asked for, and a loader must have its signature before anything
# restarts it. What is in the files is known once they are stripped.
insert_before('dh_installinit', 'dh_bpfgate');
insert_before('dh_installdeb', 'dh_bpfgate_store');
insert_after('dh_bpfgate_store', 'dh_bpfgate_template');

1;
