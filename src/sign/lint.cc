// SPDX-License-Identifier: MIT
#include "sign/lint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "sign/elf.h"
#include "sign/search.h"

namespace bpfgate::sign {
namespace {

using namespace std::string_view_literals;

// Program names without version: python3.11 is python, perl5.36.0 is perl.
constexpr std::array interpreter_names = {
    "ash"sv,    "awk"sv,  "bash"sv,   "bun"sv,  "busybox"sv, "csh"sv,    "dash"sv,  "deno"sv,  "dotnet"sv,  "expect"sv,
    "fish"sv,   "gawk"sv, "gdb"sv,    "ghci"sv, "guile"sv,   "java"sv,   "jimsh"sv, "jsh"sv,   "julia"sv,   "ksh"sv,
    "lldb"sv,   "lua"sv,  "luajit"sv, "mawk"sv, "mksh"sv,    "mono"sv,   "nawk"sv,  "node"sv,  "nodejs"sv,  "nu"sv,
    "octave"sv, "perl"sv, "php"sv,    "pwsh"sv, "pypy"sv,    "python"sv, "qjs"sv,   "rbash"sv, "Rscript"sv, "ruby"sv,
    "scheme"sv, "sh"sv,   "tclsh"sv,  "tcsh"sv, "toybox"sv,  "wish"sv,   "yash"sv,  "zsh"sv};

// Libraries that are an interpreter; whatever needs one has one built in.
constexpr std::array interpreter_libraries = {"libguile"sv,  "libjli"sv,  "libjvm"sv,  "liblua"sv, "libmono"sv,
                                              "libmozjs"sv,  "libnode"sv, "libperl"sv, "libphp"sv, "libpypy"sv,
                                              "libpython"sv, "libruby"sv, "libtcl"sv,  "libv8"sv};

constexpr std::array linker_names = {"ld-linux"sv, "ld-musl"sv, "ld-uClibc"sv, "ld.so"sv, "ld64.so"sv, "libc.musl-"sv};

struct Clue {
  std::string_view text;
  LintKind kind;
  std::string_view what;
};

// Text that these programs cannot do without: what they print about themselves, variables they obey, entry points that
// an embedding of them calls (also by dlsym). The NULs keep a longer name from matching; the ~ is taken out before use,
// and keeps this program, which has to be a loader itself, from having the marks of all of them.
constexpr std::array clue_table = {
    Clue{"Y~ou have invoked 'ld.so', the program interpreter"sv, LintKind::DynamicLinker, "glibc's ld.so"sv},
    Clue{"D~ynamic Program Loader\nUsage: "sv, LintKind::DynamicLinker, "musl's ld.so"sv},
    Clue{"G~NU bash, version "sv, LintKind::Interpreter, "bash"sv},
    Clue{"B~usyBox is copyrighted by many authors"sv, LintKind::Interpreter, "busybox"sv},
    Clue{"a~rithmetic expression: %s: \"%s\""sv, LintKind::Interpreter, "dash"sv},
    Clue{"\0Z~SH_VERSION\0"sv, LintKind::Interpreter, "zsh"sv},
    Clue{"\0K~SH_VERSION\0"sv, LintKind::Interpreter, "ksh"sv},
    Clue{"\0P~y_RunMain\0"sv, LintKind::Interpreter, "python"sv},
    Clue{"\0P~y_Initialize\0"sv, LintKind::Interpreter, "python"sv},
    Clue{"\0P~YTHONHOME\0"sv, LintKind::Interpreter, "python"sv},
    Clue{"\0p~erl_parse\0"sv, LintKind::Interpreter, "perl"sv},
    Clue{"\0P~ERL5LIB\0"sv, LintKind::Interpreter, "perl"sv},
    Clue{"\0r~uby_run_node\0"sv, LintKind::Interpreter, "ruby"sv},
    Clue{"\0l~uaL_newstate\0"sv, LintKind::Interpreter, "lua"sv},
    Clue{"\0L~UA_INIT"sv, LintKind::Interpreter, "lua"sv},
    Clue{"\0N~ODE_OPTIONS\0"sv, LintKind::Interpreter, "node"sv},
    Clue{"\0P~HP_INI_SCAN_DIR\0"sv, LintKind::Interpreter, "php"sv},
    Clue{"\0T~cl_CreateInterp\0"sv, LintKind::Interpreter, "tcl"sv},
    Clue{"\0s~cm_boot_guile\0"sv, LintKind::Interpreter, "guile"sv},
    Clue{"G~NU Awk "sv, LintKind::Interpreter, "gawk"sv},
    Clue{"\0M~AWK_LONG_OPTIONS\0"sv, LintKind::Interpreter, "mawk"sv},
    Clue{"T~his GDB was configured"sv, LintKind::Interpreter, "gdb"sv},
    Clue{"\0Q~EMU_LD_PREFIX\0"sv, LintKind::Interpreter, "qemu-user"sv},
};

// In the order of the table.
const std::vector<std::string>& clue_texts() {
  static const std::vector<std::string> made = [] {
    std::vector<std::string> texts;
    for (const Clue& clue : clue_table) {
      texts.emplace_back(clue.text);
      std::erase(texts.back(), '~');
    }
    return texts;
  }();
  return made;
}

std::string_view without_version(std::string_view name) {
  size_t end = name.find_last_not_of("0123456789.-_");
  return name.substr(0, end == std::string_view::npos ? name.size() : end + 1);
}

bool is_interpreter_name(std::string_view name) {
  std::string_view bare = without_version(name);
  return std::find(interpreter_names.begin(), interpreter_names.end(), bare) != interpreter_names.end();
}

template <class Prefixes>
bool starts_with_any(std::string_view name, const Prefixes& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

LintFinding finding(LintKind kind, const std::string& why) {
  const char* what = kind == LintKind::DynamicLinker ? "a dynamic linker" : "a general-purpose interpreter";
  return {kind, std::string(what) + " (" + why + ")"};
}

std::optional<LintFinding> judge_elf(const Elf& elf) {
  if (elf.interpreter.empty() && starts_with_any(elf.soname, linker_names))
    return finding(LintKind::DynamicLinker, "its soname is " + elf.soname);
  if (starts_with_any(elf.soname, interpreter_libraries))
    return finding(LintKind::Interpreter, "its soname is " + elf.soname);
  for (const std::string& library : elf.needed) {
    if (starts_with_any(library, interpreter_libraries)) return finding(LintKind::Interpreter, "it needs " + library);
  }
  return std::nullopt;
}

Result<std::optional<LintFinding>> judge_content(int fd) {
  TRY_ASSIGN(std::optional<size_t> found, find_any(fd, clue_texts()));
  if (!found) return std::nullopt;
  const Clue& clue = clue_table[*found];
  return finding(clue.kind, "it has the marks of " + std::string(clue.what));
}

// A hard link's other names can't be listed, but an interpreter's are known.
std::optional<std::string> find_linked_name(int fd) {
  struct stat own;
  if (::fstat(fd, &own) != 0 || own.st_nlink < 2) return std::nullopt;
  for (std::string_view name : interpreter_names) {
    std::string candidate = "/usr/bin/" + std::string(name);
    struct stat other;
    if (::stat(candidate.c_str(), &other) == 0 && other.st_dev == own.st_dev && other.st_ino == own.st_ino)
      return candidate;
  }
  return std::nullopt;
}

std::optional<LintFinding> judge_names(int fd, const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::canonical(path, error);
  for (const std::string& name : {path.filename().string(), real.filename().string()}) {
    if (is_interpreter_name(name)) return finding(LintKind::Interpreter, "it is called " + name);
  }
  if (auto linked = find_linked_name(fd)) return finding(LintKind::Interpreter, "it is the same file as " + *linked);
  return std::nullopt;
}

Result<bool> is_script(int fd) {
  char start[2];
  ssize_t count = ::pread(fd, start, sizeof start, 0);
  if (count < 0) return fail_errno("read");
  return count == 2 && start[0] == '#' && start[1] == '!';
}

}  // namespace

Result<std::optional<LintFinding>> lint(int fd, const std::filesystem::path& path) {
  TRY_ASSIGN(bool script, is_script(fd));
  if (script) return LintFinding{LintKind::Script, "a script: the process it becomes is its interpreter's"};
  TRY_ASSIGN(std::optional<Elf> elf, read_elf(fd));
  if (!elf) return std::nullopt;
  if (auto found = judge_elf(*elf)) return found;
  if (auto found = judge_names(fd, path)) return found;  // before the content, which costs a read of the file
  return judge_content(fd);
}

}  // namespace bpfgate::sign
