// SPDX-License-Identifier: MIT
// The interface between rpm and its plugins. rpm has it in a header since 4.20; for 4.18 and 4.19, which have the same
// one without the header, it is declared here: the table of hooks in its order, of which rpm calls those that are set.
#pragma once

#include <rpm/rpmfi.h>
#include <rpm/rpmte.h>
#include <rpm/rpmts.h>
#include <rpm/rpmtypes.h>

#if __has_include(<rpm/rpmplugin.h>)
#include <rpm/rpmplugin.h>
#else

using rpmFsmOp = rpmFlags;

extern "C" {

struct rpmPluginHooks_s {
  rpmRC (*init)(rpmPlugin plugin, rpmts transaction);
  void (*cleanup)(rpmPlugin plugin);
  rpmRC (*tsm_pre)(rpmPlugin plugin, rpmts transaction);
  rpmRC (*tsm_post)(rpmPlugin plugin, rpmts transaction, int result);
  rpmRC (*psm_pre)(rpmPlugin plugin, rpmte element);
  rpmRC (*psm_post)(rpmPlugin plugin, rpmte element, int result);
  rpmRC (*scriptlet_pre)(rpmPlugin plugin, const char* name, int type);
  rpmRC (*scriptlet_fork_post)(rpmPlugin plugin, const char* path, int type);
  rpmRC (*scriptlet_post)(rpmPlugin plugin, const char* name, int type, int result);
  rpmRC (*fsm_file_pre)(rpmPlugin plugin, rpmfi file, const char* path, mode_t mode, rpmFsmOp operation);
  rpmRC (*fsm_file_post)(rpmPlugin plugin, rpmfi file, const char* path, mode_t mode, rpmFsmOp operation, int result);
  rpmRC (*fsm_file_prepare)(rpmPlugin plugin, rpmfi file, int fd, const char* path, const char* destination,
                            mode_t mode, rpmFsmOp operation);
};

const char* rpmPluginOpts(rpmPlugin plugin);
void rpmPluginSetData(rpmPlugin plugin, void* data);
void* rpmPluginGetData(rpmPlugin plugin);
}

#endif
