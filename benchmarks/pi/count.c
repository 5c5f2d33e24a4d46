/* A plugin for QEMU's emulation of a processor (docs/devel/tcg-plugins, API version 1): says at the
 * end how many instructions ran. Debian ships neither such a plugin nor the header, hence the
 * declarations.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t id_t_;
struct qemu_plugin_tb; /* a block of instructions that run one after the other */

void qemu_plugin_register_vcpu_tb_trans_cb(id_t_, void (*)(id_t_, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *, uint64_t);
void qemu_plugin_register_atexit_cb(id_t_, void (*)(id_t_, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_outs(const char *);

int qemu_plugin_version = 1;

static uint64_t ran; /* not exact while several threads run; what is counted has one */

static void translated(id_t_ id, struct qemu_plugin_tb *block) {
    const int add = 0;
    qemu_plugin_register_vcpu_tb_exec_inline(block, add, &ran, qemu_plugin_tb_n_insns(block));
}

static void ended(id_t_ id, void *data) {
    char line[64];
    snprintf(line, sizeof line, "instructions: %llu\n", (unsigned long long)ran);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(id_t_ id, const void *info, int argc, char **argv) {
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
