// SPDX-License-Identifier: MIT
// The search order is ld.so(8)'s for a program with AT_SECURE set, as the gate sets it: LD_LIBRARY_PATH does not count.
#include "sign/closure.h"

#include <fcntl.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string_view>

#include "base/io.h"
#include "sign/elf.h"
#include "sign/ld_cache.h"

namespace bpfgate::sign {
namespace {

namespace fs = std::filesystem;

// A file in the closure, and the one that asked for it: DT_RPATH of every ancestor counts.
struct Object {
  Elf elf;
  fs::path origin;  // its directory
  std::shared_ptr<const Object> parent;
};
using ObjectPtr = std::shared_ptr<const Object>;

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// $LIB and $PLATFORM are left alone: no distribution uses them, and what they mean differs between builds of glibc.
std::string expand(std::string text, const fs::path& origin) {
  replace_all(text, "$ORIGIN", origin.string());
  replace_all(text, "${ORIGIN}", origin.string());
  return text;
}

struct Directory {
  fs::path path;
  bool is_ignored = false;  // in a program with AT_SECURE
};

// glibc trusts $ORIGIN of a program with AT_SECURE only where it leads below its own directories (is_trusted_path).
bool is_trusted(const fs::path& path) {
  std::string normal = (path / "").lexically_normal().string();
  constexpr std::string_view trusted[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};
  return std::any_of(std::begin(trusted), std::end(trusted), [&](auto prefix) { return normal.starts_with(prefix); });
}

void append(const std::string& list, const Object& object, std::vector<Directory>& directories) {
  const bool is_program = object.parent == nullptr;
  for (const std::string& part : split(list, ":")) {
    fs::path path = expand(part, object.origin);
    directories.push_back({path, is_program && path != part && !is_trusted(path)});
  }
}

// DT_RUNPATH silences every DT_RPATH, and is not inherited.
std::vector<Directory> own_directories(const Object& object) {
  std::vector<Directory> directories;
  append(object.elf.runpath, object, directories);
  if (!object.elf.runpath.empty()) return directories;
  for (const Object* at = &object; at != nullptr; at = at->parent.get()) {
    if (at->elf.runpath.empty()) append(at->elf.rpath, *at, directories);
  }
  return directories;
}

// Read once: a batch asks for every program, and its answers must not differ because ldconfig ran meanwhile.
const LdCache& host_cache() {
  static const LdCache cache = LdCache::of_host();
  return cache;
}

class Resolver {
 public:
  Result<Closure> resolve(const fs::path& program) {
    TRY_ASSIGN(std::optional<Elf> elf, read(program));
    if (!elf || !elf->is_dynamic) return Closure{};
    std::error_code error;
    fs::path real = fs::canonical(program, error);
    root_ = std::make_shared<Object>(Object{*elf, real.parent_path(), nullptr});
    if (!elf->interpreter.empty()) add_interpreter(elf->interpreter);
    for (const std::string& name : preloaded()) add(root_, name);
    queue_.push_back(root_);
    while (!queue_.empty()) {
      ObjectPtr object = std::move(queue_.front());
      queue_.pop_front();
      for (const std::string& name : object->elf.needed) add(object, name);
    }
    return std::move(closure_);
  }

 private:
  static Result<std::optional<Elf>> read(const fs::path& path) {
    TRY_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    Result<std::optional<Elf>> elf = read_elf(fd.get());
    if (!elf) return Failure(std::move(elf).error().within(path.string()));
    return elf;
  }

  // Honoured under AT_SECURE too, so whatever is named there ends up in every dynamic program.
  static std::vector<std::string> preloaded() {
    Result<std::string> text = read_text_file("/etc/ld.so.preload", 1 << 20);
    return text ? split(*text, " \t\n:") : std::vector<std::string>();
  }

  void add_interpreter(const std::string& path) {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    if (error) {
      closure_.missing.push_back(path);
      return;
    }
    // The directory of the dynamic linker is the default one of its build: /lib/x86_64-linux-gnu, /usr/lib64.
    default_directories_.insert(default_directories_.begin(), real.parent_path());
    keep(real, root_);
  }

  void add(const ObjectPtr& object, const std::string& name) {
    if (!names_.insert(name).second) return;
    bool found =
        name.find('/') != std::string::npos ? keep(expand(name, object->origin), object) : search(object, name);
    if (!found) closure_.missing.push_back(name);
  }

  bool search(const ObjectPtr& object, const std::string& name) {
    const std::vector<Directory> own = own_directories(*object);
    for (const Directory& directory : own) {
      if (!directory.is_ignored && keep_from(directory.path, name, object)) return true;
    }
    if (!object->elf.ignores_default_directories && search_defaults(object, name)) return true;
    for (const Directory& directory : own) {
      if (!directory.is_ignored || !keep_from(directory.path, name, object)) continue;
      closure_.by_origin_only.push_back(name);
      return true;
    }
    return false;
  }

  bool search_defaults(const ObjectPtr& object, const std::string& name) {
    bool found = false;
    for (const std::string& path : host_cache().find(name)) found |= keep(path, object);
    if (found) return true;
    return std::any_of(default_directories_.begin(), default_directories_.end(),
                       [&](const fs::path& directory) { return keep_from(directory, name, object); });
  }

  // The library itself and its variants for newer CPUs below the same directory.
  bool keep_from(const fs::path& directory, const std::string& name, const ObjectPtr& object) {
    bool found = keep(directory / name, object);
    std::error_code error;
    for (const fs::directory_entry& level : fs::directory_iterator(directory / "glibc-hwcaps", error))
      found |= keep(level.path() / name, object);
    return found;
  }

  // False: not a file that the dynamic linker would take for this program; it would look further.
  bool keep(const fs::path& path, const ObjectPtr& parent) {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    if (error) return false;
    if (files_.contains(real)) return true;
    Result<std::optional<Elf>> elf = read(real);
    if (!elf || !*elf || !root_->elf.is_same_machine(**elf)) return false;
    files_.insert(real);
    if (!(*elf)->soname.empty()) names_.insert((*elf)->soname);
    closure_.libraries.push_back(real);
    queue_.push_back(std::make_shared<Object>(Object{std::move(**elf), real.parent_path(), parent}));
    return true;
  }

  std::vector<fs::path> default_directories_ = {"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
  ObjectPtr root_;
  std::deque<ObjectPtr> queue_;
  std::set<std::string> names_;
  std::set<fs::path> files_;
  Closure closure_;
};

}  // namespace

Result<Closure> closure_of(const fs::path& program) { return Resolver().resolve(program); }

}  // namespace bpfgate::sign
