// SPDX-License-Identifier: MIT
#include "deb/archive.h"

#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/io.h"
#include "base/process.h"
#include "base/temporary.h"

namespace bpfgate::deb {
namespace {

namespace fs = std::filesystem;

constexpr size_t max_listing_bytes = size_t{64} * 1024 * 1024;

// "lrwxrwxrwx root/root 0 2026-11-21 12:00 ./usr/sbin/x -> y", as tar -tv has it: /usr/sbin/x. nullopt: the name cannot
// be told from the rest for certain. A user's name may have blanks in it, which shift all that follows.
std::optional<std::string> name_in(const std::string& line) {
  std::istringstream words(line);
  std::string mode, owner, size, date, time, name;
  if (!(words >> mode >> owner >> size >> date >> time) || !std::getline(words.ignore(1), name)) return std::nullopt;
  if (!name.starts_with("./") || name.find('\\') != std::string::npos) return std::nullopt;
  name.erase(0, 1);
  std::string_view separator;
  if (mode.starts_with('l')) separator = " -> ";
  if (mode.starts_with('h')) separator = " link to ";
  if (separator.empty()) return name;
  size_t place = name.find(separator);
  if (place == std::string::npos || name.find(separator, place + 1) != std::string::npos) return std::nullopt;
  return name.substr(0, place);
}

Result<std::string> output_of(std::vector<std::string> words) {
  TRY_ASSIGN(Process process, Process::start(std::move(words)));
  TRY_ASSIGN(std::string text, read_text(process.output(), max_listing_bytes, "dpkg-deb"));
  TRY_ASSIGN(int status, process.wait());
  if (status != 0) return fail(ErrorKind::Failed, "dpkg-deb cannot read it");
  return text;
}

Result<fs::path> make_temporary_directory() {
  std::string name = std::string(temporary_directory) + "/bpfgate-deb.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return fail_errno(name);
  return fs::path(name);
}

}  // namespace

Archive::Archive(Archive&& other) noexcept
    : file_(std::move(other.file_)),
      directory_(std::exchange(other.directory_, fs::path())),
      names_(std::move(other.names_)) {}

Archive::~Archive() {
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

Result<Archive> Archive::open(const fs::path& file) {
  // By its absolute name, for no name of a file is an option then.
  Archive archive(fs::absolute(file));
  if (auto listed = archive.list(); !listed) return Failure(std::move(listed).error().within(file.string()));
  return archive;
}

Result<> Archive::list() {
  TRY_ASSIGN(std::string text, output_of({"dpkg-deb", "--contents", file_.string()}));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('d')) continue;
    std::optional<std::string> name = name_in(line);
    if (!name) {
      TRY(unpack());
      return walk();
    }
    names_.push_back(*std::move(name));
  }
  return {};
}

Result<> Archive::unpack() {
  if (!directory_.empty()) return {};
  TRY_ASSIGN(directory_, make_temporary_directory());
  TRY(output_of({"dpkg-deb", "--extract", file_.string(), directory_.string()}));
  return {};
}

Result<> Archive::walk() {
  names_.clear();
  std::error_code error;
  for (fs::recursive_directory_iterator found(directory_, error), end; !error && found != end; found.increment(error))
    if (found->is_symlink() || !found->is_directory())
      names_.push_back("/" + found->path().lexically_relative(directory_).string());
  if (error) return fail_errno("what was unpacked", error.value());
  return {};
}

Result<fs::path> Archive::find(const std::string& name) {
  if (auto unpacked = unpack(); !unpacked) return Failure(std::move(unpacked).error().within(file_.string()));
  return directory_ / fs::path(name).relative_path();
}

}  // namespace bpfgate::deb
