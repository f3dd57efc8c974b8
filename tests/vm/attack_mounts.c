// SPDX-License-Identifier: MIT
/* Hands laid on files and directories, and on what is mounted: see attack.c. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attack.h"

static int verb_unlink(char** arguments) { return status_of(unlink(arguments[0])); }
static int verb_rmdir(char** arguments) { return status_of(rmdir(arguments[0])); }
static int verb_rename(char** arguments) { return status_of(rename(arguments[0], arguments[1])); }
static int verb_chmod(char** arguments) { return status_of(chmod(arguments[0], 0777)); }
static int verb_chown(char** arguments) { return status_of(chown(arguments[0], 1, 1)); }

static int verb_exchange(char** arguments) {
  return status_of(renameat2(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], RENAME_EXCHANGE));
}

static int verb_umount(char** arguments) { return status_of(umount2(arguments[0], 0)); }
static int verb_umount_lazily(char** arguments) { return status_of(umount2(arguments[0], MNT_DETACH)); }

static int enter_namespace(unsigned long propagation) {
  return unshare(CLONE_NEWNS) || (propagation && mount(NULL, "/", NULL, MS_REC | propagation, NULL));
}

/* Where mounts are shared, which is systemd's default, unmounting is passed on to the namespace it came from. */
static int verb_umount_in_namespace(char** arguments) {
  return enter_namespace(0) ? give_up("unshare") : status_of(umount2(arguments[0], MNT_DETACH));
}

/* A copy of its own, as containers have it: nobody else's business. */
static int verb_umount_private_copy(char** arguments) {
  return enter_namespace(MS_PRIVATE) ? give_up("unshare") : status_of(umount2(arguments[0], MNT_DETACH));
}

/* A directory that is no mount point any more here is removed, and what is mounted on it elsewhere goes with it. */
static int verb_remove_mount_point(char** arguments) {
  if (enter_namespace(MS_PRIVATE) || umount2(arguments[0], MNT_DETACH)) return give_up("umount");
  return status_of(rmdir(arguments[0]));
}

static int verb_rename_mount_point(char** arguments) {
  char name[256];

  if (enter_namespace(MS_PRIVATE) || umount2(arguments[0], MNT_DETACH)) return give_up("umount");
  snprintf(name, sizeof(name), "%s.moved", arguments[0]);
  return status_of(rename(arguments[0], name));
}

/* A tree, with all that is mounted in it, mounted once more and unmounted again. */
static int verb_bind_tree_and_umount(char** arguments) {
  if (mount(arguments[0], arguments[1], NULL, MS_BIND | MS_REC, NULL)) return give_up("bind");
  return status_of(umount2(arguments[1], MNT_DETACH));
}

static int verb_mount_over(char** arguments) { return status_of(mount("none", arguments[0], "tmpfs", 0, NULL)); }

static int verb_bind_over(char** arguments) { return status_of(mount("/tmp", arguments[0], NULL, MS_BIND, NULL)); }

static int verb_bind(char** arguments) { return status_of(mount(arguments[0], arguments[1], NULL, MS_BIND, NULL)); }

static int verb_remount(char** arguments) {
  return status_of(mount(NULL, arguments[0], NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

static int verb_move_mount(char** arguments) {
  return status_of(move_mount(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0));
}

static int verb_move_mount_by_name(char** arguments) {
  return status_of(mount(arguments[0], arguments[1], NULL, MS_MOVE, NULL));
}

/* A copy of the mount, put elsewhere. */
static int verb_clone_mount(char** arguments) {
  int tree = open_tree(AT_FDCWD, arguments[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

  if (tree < 0) return status_of(tree);
  return status_of(move_mount(tree, "", AT_FDCWD, arguments[1], MOVE_MOUNT_F_EMPTY_PATH));
}

/*
 * A bind mount made a peer of the real one, with something of its own mounted in the same place: unmounting that is
 * passed on by the place, not by what is mounted there.
 */
static int verb_umount_in_peer(char** arguments) {
  char place[512];

  snprintf(place, sizeof(place), "%s/%s", arguments[2], arguments[1]);
  if (mount(arguments[0], arguments[2], NULL, MS_BIND, NULL) || mount(NULL, arguments[2], NULL, MS_PRIVATE, NULL) ||
      mount("none", place, "tmpfs", 0, NULL) ||
      move_mount(AT_FDCWD, arguments[0], AT_FDCWD, arguments[2], MOVE_MOUNT_SET_GROUP))
    return give_up("make a peer");
  return status_of(umount2(place, MNT_DETACH));
}

static int verb_mkdir(char** arguments) { return status_of(mkdir(arguments[0], 0700)); }
static int verb_symlink(char** arguments) { return status_of(symlink("elsewhere", arguments[0])); }
static int verb_link(char** arguments) { return status_of(link(arguments[0], arguments[1])); }

const struct verb mount_verbs[] = {
    {"bind", 2, verb_bind},
    {"bind-over", 1, verb_bind_over},
    {"bind-tree-and-umount", 2, verb_bind_tree_and_umount},
    {"chmod", 1, verb_chmod},
    {"chown", 1, verb_chown},
    {"clone-mount", 2, verb_clone_mount},
    {"exchange", 2, verb_exchange},
    {"link", 2, verb_link},
    {"mkdir", 1, verb_mkdir},
    {"mount-over", 1, verb_mount_over},
    {"move-mount", 2, verb_move_mount},
    {"move-mount-by-name", 2, verb_move_mount_by_name},
    {"remount", 1, verb_remount},
    {"remove-mount-point", 1, verb_remove_mount_point},
    {"rename", 2, verb_rename},
    {"rename-mount-point", 1, verb_rename_mount_point},
    {"rmdir", 1, verb_rmdir},
    {"symlink", 1, verb_symlink},
    {"umount", 1, verb_umount},
    {"umount-in-namespace", 1, verb_umount_in_namespace},
    {"umount-in-peer", 3, verb_umount_in_peer},
    {"umount-lazily", 1, verb_umount_lazily},
    {"umount-private-copy", 1, verb_umount_private_copy},
    {"unlink", 1, verb_unlink},
    {NULL, 0, NULL},
};
