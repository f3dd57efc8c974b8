// SPDX-License-Identifier: MIT
#include <linux/bpf.h>

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "manifest/manifest.h"

using namespace bpfgate;
using namespace bpfgate::manifest;

TEST_CASE("names and numbers are those of the kernel header") {
  CHECK(command_number("map_create").value() == BPF_MAP_CREATE);
  CHECK(command_number("prog_load").value() == BPF_PROG_LOAD);
  CHECK(command_number("prog_test_run").value() == BPF_PROG_TEST_RUN);
  CHECK(command_number("prog_run").value() == BPF_PROG_RUN);
  CHECK(command_number("obj_get_info_by_fd").value() == BPF_OBJ_GET_INFO_BY_FD);
  CHECK(command_number("task_fd_query").value() == BPF_TASK_FD_QUERY);
  CHECK(command_number("btf_get_next_id").value() == BPF_BTF_GET_NEXT_ID);
  CHECK(command_number("map_delete_batch").value() == BPF_MAP_DELETE_BATCH);
  CHECK(command_number("link_get_next_id").value() == BPF_LINK_GET_NEXT_ID);
  CHECK(command_number("iter_create").value() == BPF_ITER_CREATE);
  CHECK(command_number("prog_bind_map").value() == BPF_PROG_BIND_MAP);
  CHECK(command_number("prog_assoc_struct_ops").value() == 38);
  CHECK(command_name(BPF_LINK_DETACH) == "link_detach");
  CHECK(command_name(36) == "token_create");
  CHECK(command_name(37) == "prog_stream_read_by_fd");
  CHECK(command_name(77) == "command 77");
}

TEST_CASE("every command has a name of its own that leads back to it") {
  std::set<std::string_view> seen;
  for (std::string_view name : command_names()) {
    CHECK(seen.insert(name).second);
    CHECK(command_name(command_number(name).value()) == name);
  }
  CHECK(seen.size() == 39);
}

TEST_CASE("an unknown command is refused with the closest") {
  for (const char* wrong : {"prog_lod", "PROG_LOAD", "BPF_PROG_LOAD", "BPFProgLoad"}) {
    auto number = command_number(wrong);
    REQUIRE_FALSE(number);
    CHECK(number.error().kind == ErrorKind::Invalid);
    CHECK(number.error().remedy.starts_with("did you mean \"prog_load\"?"));
  }
  CHECK_FALSE(command_number(""));
  CHECK_FALSE(command_number("command 77"));
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
  CommandSet expected = 0;
  for (unsigned number : {BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID, BPF_BTF_GET_NEXT_ID, BPF_LINK_GET_NEXT_ID,
                          BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_BTF_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID,
                          BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY, BPF_TASK_FD_QUERY})
    expected |= CommandSet{1} << number;
  CHECK(grant_inspect().commands == expected);
}
