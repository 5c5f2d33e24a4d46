/* A QEMU plugin that counts executed guest instructions and prints the sum when the program ends.
 * It declares the few functions of QEMU's plugin interface (version 1, qemu-plugin.h) that it uses,
 * because Debian packages no header. */
#include <stdint.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*ended)(plugin_id, void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *, uint64_t);
extern void qemu_plugin_register_atexit_cb(plugin_id, ended, void *);
extern void qemu_plugin_outs(const char *);

int qemu_plugin_version = 1;
static uint64_t executed; /* threads share it: the counted program has one that works */

static void on_block(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, 0 /* add */, &executed,
                                             qemu_plugin_tb_n_insns(block));
}

static void on_exit(plugin_id id, void *unused) {
    char line[64];
    (void)id;
    (void)unused;
    snprintf(line, sizeof line, "instructions: %llu\n", (unsigned long long)executed);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
