// SPDX-License-Identifier: MIT
// QEMU TCG plugin: counts the guest's instructions between two magic no-ops, `xchg %rbx,%rbx`, that a benchmark program
// executes around what it measures. Emulated time is worth nothing; the number of instructions repeats to a fraction of
// a percent. Every second magic ends an interval and writes "interval N instructions M" to the file named by the
// argument out=FILE. With the argument from=boot the first interval begins with the machine.
//
// Kernel and interrupts are counted too, whatever runs on the processor in between. For that reason the guest must have
// one processor only.
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// What is needed of QEMU's qemu-plugin.h, which Debian does not ship. Version 3 (QEMU 9.1) is the first whose
// qemu_plugin_insn_data copies to a buffer; QEMU refuses to load a plugin for an interface it no longer has.
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
typedef struct {
  struct qemu_plugin_scoreboard* score;
  size_t offset;
} qemu_plugin_u64;
typedef struct {
  const char* target_name;
  struct {
    int min, cur;
  } version;
  bool system_emulation;
  struct {
    int smp_vcpus, max_vcpus;
  } system;
} qemu_info_t;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb* tb, int operation, qemu_plugin_u64 entry,
                                                       uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* insn, void (*callback)(unsigned, void*), int flags,
                                            void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn* insn, void* buffer, size_t size);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* insn);
struct qemu_plugin_scoreboard* qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned vcpu);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv);
EXPORTED int qemu_plugin_version = 3;

static const unsigned char magic[] = {0x48, 0x87, 0xdb};

static FILE* out;
static qemu_plugin_u64 executed;
static bool measuring;
static uint64_t started_at;
static unsigned intervals;

static void at_magic(unsigned vcpu, void* instructions_left_in_block) {
  // A block counts as a whole when it is entered, so what follows the magic in it has been added too early.
  const uint64_t now = qemu_plugin_u64_get(executed, vcpu) - (uintptr_t)instructions_left_in_block;
  if (measuring) {
    fprintf(out, "interval %u instructions %" PRIu64 "\n", ++intervals, now - started_at);
    // QEMU does not end in an orderly way when the guest panics.
    fflush(out);
  }
  started_at = now;
  measuring = !measuring;
}

static void at_translation(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(tb);
  qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, executed, count);
  for (size_t i = 0; i < count; i++) {
    struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(tb, i);
    unsigned char bytes[sizeof(magic)];
    if (qemu_plugin_insn_size(insn) == sizeof(magic) &&
        qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) == sizeof(bytes) &&
        memcmp(bytes, magic, sizeof(magic)) == 0) {
      qemu_plugin_register_vcpu_insn_exec_cb(insn, at_magic, QEMU_PLUGIN_CB_NO_REGS, (void*)(uintptr_t)(count - i - 1));
    }
  }
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  if (!info->system_emulation || info->system.max_vcpus != 1) {
    fprintf(stderr, "insn_count: needs a machine with one processor (-smp 1)\n");
    return -1;
  }
  measuring = argc == 2 && strcmp(argv[1], "from=boot") == 0;
  if (argc != 1 + measuring || strncmp(argv[0], "out=", 4) != 0) {
    fprintf(stderr, "insn_count: usage: -plugin libinsn_count.so,out=FILE[,from=boot]\n");
    return -1;
  }
  out = fopen(argv[0] + 4, "w");
  if (out == NULL) {
    perror(argv[0] + 4);
    return -1;
  }
  executed = (qemu_plugin_u64){.score = qemu_plugin_scoreboard_new(sizeof(uint64_t)), .offset = 0};
  qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
  return 0;
}
