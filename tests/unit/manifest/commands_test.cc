// SPDX-License-Identifier: MIT
#include <linux/bpf.h>

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "manifest/manifest.h"

using namespace bpfgate;
using namespace bpfgate::manifest;

TEST_CASE("names and numbers are those of the kernel header") {
  CHECK(number_of(kCommands, "map_create").value() == BPF_MAP_CREATE);
  CHECK(number_of(kCommands, "prog_load").value() == BPF_PROG_LOAD);
  CHECK(number_of(kCommands, "prog_test_run").value() == BPF_PROG_TEST_RUN);
  CHECK(number_of(kCommands, "prog_run").value() == BPF_PROG_RUN);
  CHECK(number_of(kCommands, "obj_get_info_by_fd").value() == BPF_OBJ_GET_INFO_BY_FD);
  CHECK(number_of(kCommands, "task_fd_query").value() == BPF_TASK_FD_QUERY);
  CHECK(number_of(kCommands, "btf_get_next_id").value() == BPF_BTF_GET_NEXT_ID);
  CHECK(number_of(kCommands, "map_delete_batch").value() == BPF_MAP_DELETE_BATCH);
  CHECK(number_of(kCommands, "link_get_next_id").value() == BPF_LINK_GET_NEXT_ID);
  CHECK(number_of(kCommands, "iter_create").value() == BPF_ITER_CREATE);
  CHECK(number_of(kCommands, "prog_bind_map").value() == BPF_PROG_BIND_MAP);
  CHECK(number_of(kCommands, "prog_assoc_struct_ops").value() == 38);
  CHECK(name_of(kCommands, BPF_LINK_DETACH) == "link_detach");
  CHECK(name_of(kCommands, 36) == "token_create");
  CHECK(name_of(kCommands, 37) == "prog_stream_read_by_fd");
  CHECK(name_of(kCommands, 77) == "command 77");
}

TEST_CASE("every command has a name of its own that leads back to it") {
  std::set<std::string_view> seen;
  for (std::string_view name : kCommands.names) {
    CHECK(seen.insert(name).second);
    CHECK(name_of(kCommands, number_of(kCommands, name).value()) == name);
  }
  CHECK(seen.size() == 39);
}

TEST_CASE("an unknown command is refused with the closest") {
  for (const char* wrong : {"prog_lod", "PROG_LOAD", "BPF_PROG_LOAD", "BPFProgLoad"}) {
    auto number = number_of(kCommands, wrong);
    REQUIRE_FALSE(number);
    CHECK(number.error().kind == ErrorKind::Invalid);
    CHECK(number.error().remedy.starts_with("did you mean \"prog_load\"?"));
  }
  CHECK_FALSE(number_of(kCommands, ""));
  CHECK_FALSE(number_of(kCommands, "command 77"));
}

TEST_CASE("the built-in grants") {
  CHECK(grant_none().commands == 0);
  CHECK(grant_full().commands == ~uint64_t{0});
  CHECK(is_built_in("inspect"));
  CHECK(is_built_in("admin"));
  CHECK(grant_admin().admin);
  CHECK_FALSE(grant_full().admin);
  CHECK_FALSE(is_built_in("tracing"));
}

TEST_CASE("inspect lists and reads info, and nothing else") {
  NumberSet expected = 0;
  for (unsigned number : {BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID, BPF_BTF_GET_NEXT_ID, BPF_LINK_GET_NEXT_ID,
                          BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_BTF_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID,
                          BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY, BPF_TASK_FD_QUERY})
    expected |= NumberSet{1} << number;
  CHECK(grant_inspect().commands == expected);
}

TEST_CASE("signed programs take what light skeletons call, and nothing else") {
  NumberSet expected = 0;
  for (unsigned number : {BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_FREEZE, BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_LOAD,
                          BPF_PROG_TEST_RUN, BPF_RAW_TRACEPOINT_OPEN, BPF_LINK_CREATE})
    expected |= NumberSet{1} << number;
  CHECK(skeleton_commands() == expected);
  CHECK(grant_signed_programs().commands == expected);
  CHECK(grant_signed_programs().signed_by == SignedBy{});
  CHECK(is_built_in("signed-programs-only"));
}
