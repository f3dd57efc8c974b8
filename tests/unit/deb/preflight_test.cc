// SPDX-License-Identifier: MIT
// What is installed has evidence by IMA digests, which make some of a file that is not sealed: sealing takes a file
// system with fs-verity.
#include "deb/preflight.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "packages.h"

using namespace bpfgate;
using namespace bpfgate::deb;
using evidence::Reason;
using evidence::Role;
using evidence::Verdict;

namespace {

constexpr const char* store_of_p = "/usr/lib/bpfgate/sigs.d/p.json";

// Files of HOST/usr/sbin are installed, and some listed by what they hold. Packages bring files below HOST, too.
class Installed : public test::Packages {
 public:
  Installed() {
    run("mkdir -p host/usr/sbin && cd host/usr/sbin && echo tool-1 >tool && echo library-1 >library.so.1.1 && "
        "ln -s library.so.1.1 library.so.1 && echo other-1 >other");
    trust.ima = true;
    list("host/usr/sbin/tool", Role::Loader);
    list("host/usr/sbin/library.so.1.1", Role::Library);
    for (const char* file : {"", "/tool", "/library.so.1", "/library.so.1.1", "/other", "/gone"})
      files.push_back(name(file));
    files.emplace_back(store_of_p);
  }

  [[nodiscard]] std::string name(const std::string& file) const { return *this / ("host/usr/sbin" + file); }

  void list(const std::string& file, Role role, std::vector<std::string> grants = {}) {
    std::string hex = run("sha256sum " + file).substr(0, 64);
    ima::Digest digest{ima::Algorithm::Sha256, from_hex(hex).value()};
    trust.digests.push_back({digest, role, std::move(grants)});
  }

  // Content that is known as a role's.
  void list_content(const std::string& content, Role role) {
    run("echo " + content + " >new");
    list("new", role);
  }

  // In package `package` there is host/usr/sbin/FILE.
  void put(const std::string& package, const std::string& file, const std::string& content) const {
    run("mkdir -p " + package + name("") + " && echo " + content + " >" + package + name("/" + file) + " && chmod +x " +
        package + name("/" + file));
  }
  void link(const std::string& package, const std::string& file, const std::string& target) const {
    run("mkdir -p " + package + name("") + " && ln -s " + target + " " + package + name("/" + file));
  }

  // A signature of what package `package` has at FILE, by the signer's key.
  [[nodiscard]] store::Entry sign(const std::string& package, const std::string& file,
                                  const std::string& signer) const {
    std::string path = package + name("/" + file);
    std::string digest = run("fsverity digest --compact " + path).substr(0, 64);
    run("fsverity sign --key=" + signer + ".key --cert=" + signer + ".pem " + path + " sig");
    std::string hex = run("od -An -v -tx1 sig | tr -d ' \\n'");
    return {name("/" + file), fsverity::digest_from_string("sha256:" + digest).value(), from_hex(hex).value()};
  }

  void bring(const std::string& package, const std::string& file, const std::vector<store::Entry>& entries) const {
    run("mkdir -p $(dirname " + package + file + ")");
    write((package + file).c_str(), store::to_text({"p", entries}));
  }

  [[nodiscard]] Change change(const std::string& package, const std::string& version) const {
    return {package, version, build(package, version), package == "p" ? "p" : ""};
  }

  [[nodiscard]] Host host() const {
    return {[this](const std::string& package) -> Result<std::vector<std::string>> {
              return package == "p" ? files : std::vector<std::string>{};
            },
            [this]() -> Result<std::vector<Diversion>> { return diversions; },
            [this]() -> Result<std::map<std::string, store::Store>> { return stores; }};
  }

  [[nodiscard]] std::vector<Loss> losses(const std::vector<Change>& changes) const {
    return losses_by(changes, trust, host()).value();
  }

  [[nodiscard]] Loss one_loss(const std::vector<Change>& changes) const {
    auto found = losses(changes);
    REQUIRE(found.size() == 1);
    return found.front();
  }

  void trust_signer(const std::string& signer, Role role = Role::Loader, std::vector<std::string> grants = {}) {
    make_signer(signer);
    certificates.push_back(
        std::make_unique<crypto::Certificate>(crypto::Certificate::load(*this / (signer + ".pem")).value()));
    trust.signers.push_back({signer, role, certificates.back().get(), std::move(grants)});
  }

  evidence::Trust trust;
  std::vector<std::string> files;
  std::vector<Diversion> diversions;
  std::map<std::string, store::Store> stores;
  std::vector<std::unique_ptr<crypto::Certificate>> certificates;
};

}  // namespace

TEST_CASE("a loader that would be replaced by a file without evidence is a loss") {
  Installed host;
  host.put("p", "tool", "tool-2");
  host.put("p", "other", "other-2");
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.package == "p");
  CHECK(loss.version == "2");
  CHECK(loss.path == host.name("/tool"));
  CHECK(loss.now == Verdict::Loader);
  CHECK(loss.then == Verdict::NoEvidence);
  CHECK(loss.because == Reason::NoSignature);
}

TEST_CASE("one that has evidence again is none, nor is one that stays as it is, nor one that goes") {
  Installed host;
  host.put("p", "tool", "tool-2");
  host.put("p", "library.so.1.1", "library-1");
  host.link("p", "library.so.1", "library.so.1.1");
  host.list_content("tool-2", Role::Loader);
  CHECK(host.losses({host.change("p", "2")}).empty());
  host.run("rm -r p");
  CHECK(host.losses({host.change("p", "3")}).empty());
  CHECK(host.losses({{"p", "", "", "p"}}).empty());
}

TEST_CASE("what was a loader and would be a library is a loss, and the other way round none") {
  Installed host;
  host.list_content("tool-2", Role::Library);
  host.put("p", "tool", "tool-2");
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.now == Verdict::Loader);
  CHECK(loss.then == Verdict::Library);
  host.run("rm -r p");
  host.list_content("library-2", Role::Loader);
  host.put("p", "library.so.1.1", "library-2");
  CHECK(host.losses({host.change("p", "3")}).empty());
}

TEST_CASE("a library behind a link is followed to its new version") {
  Installed host;
  host.put("p", "library.so.1.2", "library-2");
  host.link("p", "library.so.1", "library.so.1.2");
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.path == host.name("/library.so.1"));
  CHECK(loss.now == Verdict::Library);
  host.list_content("library-2", Role::Library);
  CHECK(host.losses({host.change("p", "2")}).empty());
}

TEST_CASE("a loader that becomes a link is judged by where it leads") {
  Installed host;
  host.link("p", "tool", "tool-2.bin");
  host.put("q", "tool-2.bin", "tool-2");
  Loss loss = host.one_loss({host.change("p", "2"), host.change("q", "1")});
  CHECK(loss.path == host.name("/tool"));
  CHECK(loss.package == "q");
  // To something that is on the host already.
  host.run("rm -r p");
  host.run("mv host/usr/sbin/other host/usr/sbin/elsewhere");
  host.link("p", "tool", host.name("/elsewhere"));
  loss = host.one_loss({host.change("p", "3")});
  CHECK(loss.package == "p");
  host.list("host/usr/sbin/elsewhere", Role::Loader);
  CHECK(host.losses({host.change("p", "3")}).empty());
  // To nothing, and to itself: as if it went.
  host.run("rm -r p");
  host.link("p", "tool", "tool");
  host.link("p", "library.so.1", "nowhere");
  CHECK(host.losses({host.change("p", "4")}).empty());
}

TEST_CASE("two names of one file are one loss, by the file's own") {
  Installed host;
  host.put("p", "library.so.1.1", "library-2");
  host.link("p", "library.so.1", "library.so.1.1");
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.path == host.name("/library.so.1.1"));
}

TEST_CASE("that a file has gone to another package counts") {
  Installed host;
  host.put("q", "library.so.1.1", "library-2");
  const Loss loss = host.one_loss({host.change("p", "2"), host.change("q", "1")});
  CHECK(loss.package == "q");
  CHECK(loss.now == Verdict::Library);
}

TEST_CASE("signatures that come along count, for the file that they are put on") {
  Installed host;
  host.trust_signer("k");
  host.put("p", "tool", "tool-2");
  store::Entry entry = host.sign("p", "tool", "k");
  host.bring("p", store_of_p, {entry});
  CHECK(host.losses({host.change("p", "2")}).empty());
  // Of another package's as well, and from whichever directory of stores.
  host.run("rm p" + std::string(store_of_p));
  host.bring("q", "/var/lib/bpfgate/sigs.d/q.json", {entry});
  CHECK(host.losses({host.change("p", "2"), host.change("q", "1")}).empty());
  CHECK(host.losses({host.change("p", "2")}).size() == 1);
  // What is no store to find_stores() is none.
  for (const char* name :
       {"/usr/lib/bpfgate/sigs.d/.p.json", "/usr/lib/bpfgate/sigs.d/more/p.json", "/usr/lib/bpfgate/p.json"}) {
    host.run("rm -rf p/usr/lib");
    host.bring("p", name, {entry});
    CHECK(host.losses({host.change("p", "2")}).size() == 1);
  }
  // The same content elsewhere is another file.
  host.run("rm -rf p/usr/lib");
  entry.path = host.name("/other");
  host.bring("p", store_of_p, {entry});
  CHECK(host.losses({host.change("p", "2")}).size() == 1);
}

TEST_CASE("stores of the host count unless they go with the packages that are replaced") {
  Installed host;
  host.trust_signer("k");
  host.put("p", "tool", "tool-2");
  store::Entry entry = host.sign("p", "tool", "k");
  host.stores["/var/lib/bpfgate/sigs.d/fetched.json"] = {"fetched", {entry}};
  CHECK(host.losses({host.change("p", "2")}).empty());
  host.stores.clear();
  host.run("mkdir -p p/usr/share && touch p/usr/share/x");
  host.files.emplace_back("/usr/share/dpkg/cputable");  // is there, and goes; as a store of this name would
  host.stores["/usr/share/dpkg/cputable"] = {"p", {entry}};
  CHECK(host.losses({host.change("p", "2")}).size() == 1);
  host.bring("p", "/usr/lib/bpfgate/sigs.d/q.json", {});
  host.stores.clear();
  host.stores["/usr/lib/bpfgate/sigs.d/q.json"] = {"q", {entry}};
  CHECK(host.losses({host.change("p", "2")}).size() == 1);
}

TEST_CASE("it is said why, of the signature rather than of its absence") {
  Installed host;
  host.trust_signer("k");
  host.make_signer("stranger");
  host.put("p", "tool", "tool-2");
  auto because = [&](const store::Entry& entry) {
    host.bring("p", store_of_p, {entry});
    auto losses = host.losses({host.change("p", "2")});
    REQUIRE(losses.size() == 1);
    return losses[0].because;
  };
  store::Entry entry = host.sign("p", "tool", "stranger");
  CHECK(because(entry) == Reason::SignatureUntrusted);
  host.put("q", "tool", "tool-3");
  entry.signature = host.sign("q", "tool", "k").signature;
  CHECK(because(entry) == Reason::SignatureMismatch);
  entry.signature.clear();
  CHECK(because(entry) == Reason::NoSignature);
  host.trust.revoked.emplace_back(entry.digest);
  CHECK(because(host.sign("p", "tool", "k")) == Reason::Revoked);
}

TEST_CASE("of several signatures the one that counts is asked") {
  Installed host;
  host.trust_signer("k");
  host.make_signer("stranger");
  host.put("p", "tool", "tool-2");
  host.bring("p", store_of_p, {host.sign("p", "tool", "stranger")});
  host.stores["/var/lib/bpfgate/sigs.d/fetched.json"] = {"fetched", {host.sign("p", "tool", "k")}};
  CHECK(host.losses({host.change("p", "2")}).empty());
}

TEST_CASE("a digest that is listed counts where a store has the file sealed, and not by itself") {
  Installed host;
  host.make_signer("k");
  host.put("p", "tool", "tool-2");
  store::Entry entry = host.sign("p", "tool", "k");
  entry.signature.clear();
  host.trust.digests.push_back({entry.digest, Role::Loader, {}});
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.because == Reason::NotSealed);
  host.bring("p", store_of_p, {entry});
  CHECK(host.losses({host.change("p", "2")}).empty());
  // What is no code is not sealed either.
  host.run("chmod -x p" + host.name("/tool"));
  CHECK(host.losses({host.change("p", "2")}).size() == 1);
}

TEST_CASE("a store whose signature is worth less takes nothing from a file that IMA proves") {
  Installed host;
  host.trust_signer("k", Role::Library);
  host.put("p", "tool", "tool-2");
  host.bring("p", store_of_p, {host.sign("p", "tool", "k")});
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.then == Verdict::Library);
  host.list_content("tool-2", Role::Loader);
  CHECK(host.losses({host.change("p", "2")}).empty());
}

TEST_CASE("a loader that would have one of its grants no more is a loss") {
  Installed host;
  host.trust.digests.clear();
  host.list("host/usr/sbin/tool", Role::Loader, {"admin"});
  host.trust_signer("loaders", Role::Loader, {"full"});
  host.trust_signer("admins", Role::Loader, {"admin"});
  host.put("p", "tool", "tool-2");
  host.bring("p", store_of_p, {host.sign("p", "tool", "loaders")});
  const Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.then == Verdict::Loader);
  CHECK(loss.missing_grants == std::vector<std::string>{"admin"});
  // Whichever store is read first.
  host.stores["/var/lib/bpfgate/sigs.d/fetched.json"] = {"fetched", {host.sign("p", "tool", "admins")}};
  CHECK(host.losses({host.change("p", "2")}).empty());
  // And what includes the grant is no less.
  host.stores.clear();
  host.trust.digests.clear();
  host.list("host/usr/sbin/tool", Role::Loader, {"inspect", "none"});
  CHECK(host.losses({host.change("p", "2")}).empty());
}

TEST_CASE("what replaces another package's file, or nobody's, is looked at") {
  Installed host;
  host.put("q", "tool", "tool-2");
  host.put("q", "new", "new");
  const Loss loss = host.one_loss({host.change("q", "1")});
  CHECK(loss.package == "q");
  CHECK(loss.path == host.name("/tool"));
  CHECK(loss.now == Verdict::Loader);
  host.list_content("tool-2", Role::Loader);
  CHECK(host.losses({host.change("q", "1")}).empty());
}

TEST_CASE("a diverted file is another one") {
  Installed host;
  host.put("p", "tool", "tool-2");
  host.diversions.push_back({host.name("/tool"), host.name("/tool.distrib"), "mine"});
  // p's own file is at the other name, and what is at this one stays.
  CHECK(host.losses({host.change("p", "2")}).empty());
  host.run("cp host/usr/sbin/tool host/usr/sbin/tool.distrib");
  Loss loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.path == host.name("/tool.distrib"));
  host.diversions[0].by = "p";
  loss = host.one_loss({host.change("p", "2")});
  CHECK(loss.path == host.name("/tool"));
}

TEST_CASE("where nothing has evidence, no package is looked at") {
  Installed host;
  host.trust.digests.clear();
  CHECK(host.losses({{"p", "2", host / "missing.deb", "p"}}).empty());
  host.trust.ima = false;
  CHECK(host.losses({{"p", "2", host / "missing.deb", "p"}}).empty());
}

TEST_CASE("a package that cannot be read is an error where it matters") {
  Installed host;
  auto losses = losses_by({{"p", "2", host / "missing.deb", "p"}}, host.trust, host.host());
  REQUIRE_FALSE(losses);
  CHECK(losses.error().message.find("missing.deb") != std::string::npos);
}

TEST_CASE("what dpkg knows of packages") {
  Host host = this_host();
  CHECK_FALSE(host.files("no-such-package-of-anybody"));
  auto files = host.files("dpkg").value();
  CHECK(std::ranges::find(files, "/usr/bin/dpkg") != files.end());
  CHECK(host.diversions());
  CHECK(host.stores());
  test::Packages packages;
  packages.run("mkdir p bash tzdata");
  CHECK(change_of(packages.build("p", "1.2-3")).value() == Change{"p", "1.2-3", packages / "p_1.2-3.deb", ""});
  packages.build("p", "2", "amd64");
  CHECK(change_of(packages / "p_2.deb").value().package == "p:amd64");
  CHECK(change_of(packages.build("bash", "99")).value().installed == "bash");
  CHECK(change_of(packages.build("bash", "99", "riscv64")).value().installed.empty());
  CHECK_FALSE(change_of(packages / "missing.deb"));
}

TEST_CASE("diversions as dpkg-divert lists them") {
  CHECK(parse_diversions("diversion of /usr/bin/a to /usr/bin/a.real by q\n"
                         "local diversion of /usr/bin/b to /usr/bin/b.by to c\n"
                         "something else\n") ==
        std::vector<Diversion>{{"/usr/bin/a", "/usr/bin/a.real", "q"}, {"/usr/bin/b", "/usr/bin/b.by to c", ""}});
  std::vector<Diversion> diversions = {{"/usr/bin/a", "/usr/bin/a.real", "q"}};
  CHECK(installed_at("/usr/bin/a", "p:amd64", diversions) == "/usr/bin/a.real");
  CHECK(installed_at("/usr/bin/a", "q:amd64", diversions) == "/usr/bin/a");
  CHECK(installed_at("/usr/bin/c", "p", diversions) == "/usr/bin/c");
}
