// SPDX-License-Identifier: MIT
#include "cli/output.h"

#include <cstdio>

namespace bpfgate::cli {

Json json_output(std::string_view command) { return {{"bpfgate", 1}, {"command", command}}; }

Json json_of(const Error& error) {
  Json value = {{"message", error.message}};
  if (!error.remedy.empty()) value["remedy"] = error.remedy;
  return value;
}

void print_json(const Json& value) {
  std::string text = value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json_list(std::string_view command, const char* key, Json list) {
  Json output = json_output(command);
  output[key] = std::move(list);
  print_json(output);
}

Result<> flush_output() {
  bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) != 0) return fail_errno("write standard output");
  if (failed_before) return fail(ErrorKind::Failed, "could not write all of standard output");
  return {};
}

}  // namespace bpfgate::cli
