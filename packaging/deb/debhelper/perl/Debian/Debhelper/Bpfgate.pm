# SPDX-License-Identifier: MIT
# What dh_bpfgate, dh_bpfgate_store and dh_bpfgate_template share: debian/PACKAGE.bpfgate, and where stores are.
package Debian::Debhelper::Bpfgate;

use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;
use Exporter qw(import);

our @EXPORT = qw(read_list store_name store_file files_below program);

# The program of this build where a package is bpfgate's own.
sub program { return $ENV{BPFGATE} // 'bpfgate'; }

# {entries => [{role, glob, place}...], for => PACKAGE or DEB, signed => PACKAGE, template => [PACKAGE...]}; undef: there is
# no list.
sub read_list {
    my ($package) = @_;
    my $file = pkgfile($package, 'bpfgate');
    return if !$file;
    my %list = (file => $file, entries => [], template => []);
    open(my $lines, '<', $file) or error("$file: $!");
    while (my $line = <$lines>) {
        next if $line =~ /^\s*(#|$)/;
        read_line(\%list, "$file:$.", split(' ', $line));
    }
    close($lines);
    return \%list;
}

sub read_line {
    my ($list, $place, $word, @rest) = @_;
    if ($word =~ /^(loader|library)$/ && @rest == 1 && $rest[0] =~ m{^/}) {
        push(@{$list->{entries}}, {role => $word, glob => $rest[0], place => $place});
    } elsif ($word =~ /^(for|signed)$/ && @rest == 1 && !defined $list->{$word}) {
        $list->{$word} = $rest[0];
    } elsif ($word eq 'template' && @rest) {
        push(@{$list->{template}}, @rest);
    } else {
        error("$place: not \"loader /PATH\", \"library /PATH\", \"for PACKAGE\", \"signed PACKAGE\" or \"template PACKAGE...\"");
    }
}

# Packages of several architectures may be installed beside each other, and no two may have one file with different content.
sub store_name {
    my ($package) = @_;
    return (package_multiarch($package) // '') eq 'same' ? "$package:" . hostarch() : $package;
}

sub store_file { return tmpdir($_[0]) . '/usr/lib/bpfgate/sigs.d/' . store_name($_[0]) . '.json'; }

# Regular files that a line is about; `$is_wanted` may know more of them.
sub files_below {
    my ($directory, $entry, $is_wanted) = @_;
    my @files = grep { -f $_ && !-l $_ && (!$is_wanted || $is_wanted->($_)) } glob($directory . $entry->{glob});
    error("$entry->{place}: nothing in " . ($directory || '/') . " is $entry->{glob}") if !@files;
    return @files;
}

1;
