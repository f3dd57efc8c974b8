#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run by tests/images/run: ostree takes signatures along, but where it is told not to. That it can seal, too, is tested on a
# kernel with fs-verity (tests/vm/gate/ostree.sh).
# shellcheck source=tree.sh
. /source/tests/images/tree.sh

# checkout REPOSITORY [OPTION...]: prints its file.
checkout() {
  local repository=$1
  shift
  quietly ostree --repo="$repository" checkout "$@" main "out-$repository"
  echo "out-$repository/usr/bin/tool"
}
repository() { quietly ostree --repo="$1" init --mode="${2:-$1}"; }

for mode in bare archive bare-user; do
  repository $mode
  quietly ostree --repo=$mode commit -b main root
  kept "$(checkout $mode)"
done
# As a host gets it.
repository pulled bare
quietly ostree --repo=pulled pull-local archive main
kept "$(checkout pulled)"

repository bare-user-only
quietly ostree --repo=bare-user-only commit -b main root
lost "$(checkout bare-user-only)"
repository no-xattrs bare
quietly ostree --repo=no-xattrs commit --no-xattrs -b main root
lost "$(checkout no-xattrs)"
repository for-a-user bare
quietly ostree --repo=for-a-user commit -b main root
lost "$(checkout for-a-user --user-mode)"
quietly ostree --repo=archive export main -o archive.tar
mkdir exported
quietly tar --xattrs -C exported -x -f archive.tar
lost exported/usr/bin/tool
