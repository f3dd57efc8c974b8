// SPDX-License-Identifier: MIT
#include "cli/rpm_choice.h"

#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/rpm_commands.h"
#include "sign/bpf_use.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

// A * goes across directories, so that "*.so.1" and "/usr/lib/*" mean what they look like.
bool is_called(const std::string& glob, const rpm::File& file) {
  return std::ranges::any_of(file.names,
                             [&](const std::string& name) { return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

// Configuration has to be named in full: a sealed file cannot be edited, and nobody means that by /etc/*.
bool is_meant(const std::string& glob, const rpm::File& file) {
  if (!file.is_configuration) return is_called(glob, file);
  return std::ranges::find(file.names, glob) != file.names.end();
}

// A word that means no file is a typing error more often than a package without it.
Result<> check_glob(const std::vector<rpm::File>& files, const std::string& glob) {
  if (std::ranges::any_of(files, [&](const rpm::File& file) { return is_meant(glob, file); })) return {};
  if (std::ranges::any_of(files, [&](const rpm::File& file) { return is_called(glob, file); }))
    return fail(ErrorKind::Refused, "only configuration files are called " + printable(glob),
                "those stay without a signature, for a sealed file cannot be edited; name one in full to insist");
  return fail(ErrorKind::Failed, "no regular file in it is called " + printable(glob),
              "rpm -qpl lists its files; names begin with /, and * stands for any part of them");
}

Result<> check_globs(const std::string& path, const rpm::Package& package, const std::vector<std::string>& globs) {
  for (const std::string& glob : globs)
    if (Result<> found = check_glob(package.files(), glob); !found)
      return Failure(std::move(found).error().within(path));
  return {};
}

// The name is judged as well as the content; below the package's name nothing on this host is meant by it.
Result<> check_may_be_loader(const std::string& package, const rpm::File& file, int fd, bool allow_interpreter) {
  for (const std::string& name : file.names) TRY(sign::check_may_be_loader(fd, package + name, allow_interpreter));
  return {};
}

}  // namespace

Result<> check_usage(const RpmChoiceOptions& options) {
  if (options.role == "library" && options.globs.empty())
    return fail(ErrorKind::Usage, "which files are libraries of loaders cannot be told by what they use",
                "name them with --files");
  return {};
}

Result<rpm::Choice> rpm_choice_of(const std::string& package, const RpmChoiceOptions& options) {
  TRY_ASSIGN(rpm::Package opened, rpm::Package::open(package, rpm::Carried::Ignored));
  TRY(check_globs(package, opened, options.globs));
  auto libraries = std::make_shared<sign::BpfLibraries>();
  if (options.globs.empty()) {
    TRY_ASSIGN(*libraries, bpf_libraries_of(opened));
  }
  auto may_be = [&options](const rpm::File& file) {
    if (options.globs.empty()) return may_be_program(file);
    return std::ranges::any_of(options.globs, [&](const std::string& glob) { return is_meant(glob, file); });
  };
  auto is = [&options, package, libraries](const rpm::File& file, int fd) -> Result<bool> {
    if (options.globs.empty()) {
      TRY_ASSIGN(std::optional<std::string> use, sign::bpf_use(fd, *libraries));
      if (!use) return false;
    }
    if (options.role == "loader") TRY(check_may_be_loader(package, file, fd, options.allow_interpreter));
    return true;
  };
  return rpm::Choice{may_be, is};
}

void add_rpm_choice_options(CLI::App& app, RpmChoiceOptions& options) {
  CLI::Option* globs = app.add_option("--files", options.globs, "sign the files with such names")
                           ->type_name("GLOB")
                           ->allow_extra_args(false);
  app.add_flag("--by-use", options.by_use, "sign the programs that use BPF (without --files)")->excludes(globs);
  app.add_option("--role", options.role, "what the files are signed as: loader (default) or library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  app.add_flag("--allow-interpreter", options.allow_interpreter, "sign interpreters and dynamic linkers as loaders");
}

}  // namespace bpfgate::cli
