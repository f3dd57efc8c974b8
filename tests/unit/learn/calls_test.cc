// SPDX-License-Identifier: MIT
#include "learn/calls.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "sample.h"

using namespace bpfgate;
using namespace bpfgate::learn;
using test::event;

namespace {

Calls calls_of(const std::vector<gate::Event>& events) {
  Calls calls;
  for (const gate::Event& one : events) calls.add(call_of(one).value(), one);
  return calls;
}

manifest::NumberSet bit(const manifest::Vocabulary& vocabulary, const std::string& name) {
  return manifest::NumberSet{1} << manifest::number_of(vocabulary, name).value();
}

}  // namespace

TEST_CASE("a grant has the commands that were seen, and no others") {
  Calls calls = calls_of({event("/a", "prog_get_next_id"), event("/a", "obj_get_info_by_fd")});
  manifest::Grant grant = calls.grant("a");
  CHECK(grant.name == "a");
  CHECK(grant.commands == test::commands({"prog_get_next_id", "obj_get_info_by_fd"}));
  // Without the commands they count for, types would only be in the reader's way.
  CHECK(grant.program_types == manifest::kAny);
  CHECK(grant.map_types == manifest::kAny);
  CHECK(grant.attach_types == manifest::kAny);
  CHECK(grant.helpers.is_any());
}

TEST_CASE("types are restricted wherever they count") {
  gate::Event link = event("/a", "link_create");
  link.attach_type = "xdp";
  manifest::Grant grant = calls_of({test::load("/a", "kprobe"), test::map("/a", "hash"), link}).grant("a");
  CHECK(grant.program_types == bit(manifest::kProgramTypes, "kprobe"));
  CHECK(grant.map_types == bit(manifest::kMapTypes, "hash"));
  CHECK(grant.attach_types == bit(manifest::kAttachTypes, "xdp"));
}

TEST_CASE("a program that is bound to no way of attaching allows none") {
  manifest::Grant grant = calls_of({test::load("/a", "kprobe")}).grant("a");
  CHECK(grant.attach_types == 0);
  CHECK(calls_of({event("/a", "raw_tracepoint_open")}).grant("a").attach_types == 0);
}

TEST_CASE("the grant allows every call it was learned from") {
  gate::Event lsm = test::load("/a", "lsm", {"get_current_comm"});
  lsm.attach_type = "lsm_mac";
  lsm.target = "bpf_lsm_file_open";
  gate::Event skb = test::load("/a", "cgroup_skb", {"skb_store_bytes"});
  skb.attach_type = "cgroup_inet_ingress";
  gate::Event attached = event("/a", "prog_attach");
  attached.attach_type = "cgroup_device";
  std::vector<gate::Event> events = {lsm, skb, attached, test::map("/a", "ringbuf"), event("/a", "btf_load")};
  manifest::Grant grant = calls_of(events).grant("a");
  for (const gate::Event& one : events) {
    INFO(*one.command);
    CHECK(ask(grant, {}, call_of(one).value()) == manifest::Answer::Granted);
  }
}

TEST_CASE("order and repetition make no difference") {
  std::vector<gate::Event> events = {test::load("/a", "kprobe", {"probe_read_kernel"}), test::load("/a", "xdp"),
                                     test::map("/a", "hash"), test::map("/a", "array"), event("/a", "btf_load")};
  manifest::Grant expected = calls_of(events).grant("a");
  std::mt19937 engine(1);
  for (int round = 0; round < 50; ++round) {
    events.push_back(events[engine() % events.size()]);
    std::shuffle(events.begin(), events.end(), engine);
    REQUIRE(calls_of(events).grant("a") == expected);
  }
}

TEST_CASE("helpers: those that were seen, and what of them is not read-only") {
  Calls looks = calls_of({test::load("/a", "kprobe", {"probe_read_kernel", "ringbuf_output"})});
  CHECK(manifest::in_words(looks.grant("a").helpers) == "only probe_read_kernel and ringbuf_output");
  CHECK(looks.not_read_only().empty());

  Calls writes = calls_of({test::load("/a", "kprobe", {"probe_read_kernel", "probe_write_user"})});
  CHECK(manifest::in_words(writes.grant("a").helpers) == "only probe_write_user and probe_read_kernel");
  CHECK(writes.not_read_only() == std::set<std::string>{"the helper probe_write_user"});

  CHECK(manifest::in_words(calls_of({test::load("/a", "kprobe")}).grant("a").helpers) == "none");
}

TEST_CASE("kernel functions count as helpers do") {
  gate::Event loaded = test::load("/a", "kprobe");
  loaded.kfuncs = {"bpf_task_from_pid"};
  loaded.kfunc_count = 1;
  CHECK(manifest::in_words(calls_of({loaded}).grant("a").helpers) == "only bpf_task_from_pid");
  CHECK(calls_of({loaded}).not_read_only().empty());
  loaded.kfuncs = {"bpf_task_from_pid", "bpf_dynptr_slice_rdwr"};
  loaded.kfunc_count = 2;
  CHECK(ask(calls_of({loaded}).grant("a"), {}, call_of(loaded).value()) == manifest::Answer::Granted);
  CHECK(calls_of({loaded}).not_read_only() == std::set<std::string>{"the kernel function bpf_dynptr_slice_rdwr"});
}

TEST_CASE("a kernel function that has two names is drafted by one") {
  gate::Event loaded = test::load("/a", "kprobe");
  loaded.kfuncs = {"bpf_obj_new_impl", "bpf_obj_new"};
  loaded.kfunc_count = 2;
  CHECK(manifest::in_words(calls_of({loaded}).grant("a").helpers) == "only bpf_obj_new");
  CHECK(ask(calls_of({loaded}).grant("a"), {}, call_of(loaded).value()) == manifest::Answer::Granted);
}

TEST_CASE("what no list of helpers allows takes any") {
  auto takes_any = [](const gate::Event& event) {
    Calls calls = calls_of({event});
    CHECK(ask(calls.grant("a"), {}, call_of(event).value()) == manifest::Answer::Granted);
    CHECK(calls.needs_any() == calls.grant("a").helpers.is_any());
    return calls.needs_any();
  };
  gate::Event loaded = test::load("/a", "kprobe", {"probe_write_user"});
  loaded.kfuncs = {"bpf_task_from_pid"};
  loaded.kfunc_count = 1;
  CHECK_FALSE(takes_any(loaded));
  // One that is not named: of a module, or there were too many.
  loaded.kfunc_count = 2;
  CHECK(takes_any(loaded));
  loaded.kfuncs = {"bpf_task_from_pid", "function 12345"};
  CHECK(takes_any(loaded));
  loaded.kfuncs = {"bpf_task_from_pid", std::string(64, 'f')};  // longer than a manifest takes
  CHECK(takes_any(loaded));
  CHECK(takes_any(test::load("/a", "kprobe", {"helper 250"})));
}

TEST_CASE("a program that was refused unseen is not taken for one that calls nothing") {
  gate::Event refused = test::load("/a", "kprobe");
  CHECK_FALSE(calls_of({refused}).has_unseen_code());
  CHECK_FALSE(calls_of({refused}).grant("a").helpers.read_only);
  refused.kind = "refused";
  CHECK(calls_of({refused}).has_unseen_code());
  CHECK(calls_of({refused}).grant("a").helpers.read_only);
}

TEST_CASE("what a newer kernel calls by another name cannot be listed") {
  CHECK(call_of(event("/a", "command 61")).error().kind == ErrorKind::Invalid);
  CHECK(call_of(test::load("/a", "program type 60")).error().message.find("program type 60") != std::string::npos);
  CHECK_FALSE(call_of(test::map("/a", "map type 60")));
  gate::Event link = event("/a", "link_create");
  link.attach_type = "attach type 99";
  CHECK_FALSE(call_of(link));
  CHECK_FALSE(call_of(gate::Event()));
}
