// What has to happen before the program's own code, or outside of Swift: taking the arguments from
// the system's hands, opening the standard descriptors, and naming a lack of memory.
//
// The arguments come from the start of the process. Swift's CommandLine reads /proc/self/cmdline,
// which a container or a jail may lack; it then has none, and a command would be taken for a
// request for help.
#include "process_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { out_of_memory_status = 71, interrupted_status = 130 };

static int argument_count;
static char **arguments;

int ctk_argument_count(void) { return argument_count; }

const char *ctk_argument(int index) { return arguments[index]; }

static void say(const char *text) {
  // There is nobody to tell if this fails.
  ssize_t written = write(2, text, strlen(text));
  (void)written;
}

/// Ends the process if a library raises SIGINT before main, as OpenBLAS does where its threads
/// can't be created; a signal from outside ends it as usual.
static void end_before_main(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
    say("ctpack: there is too little memory to start; raise the limit on address space (ulimit -v)\n");
    _exit(out_of_memory_status);
  }
  _exit(interrupted_status);
}

static void prepare(int count, char **values, char **environment) {
  (void)environment;
  argument_count = count;
  arguments = values;
  // A library must not get one of these numbers either.
  ctk_open_standard_descriptors();
  // Libraries may run out of memory before main, too.
  ctk_install_memory_guard(out_of_memory_status);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = end_before_main;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGINT, &action, 0);
}

// Before the initializers of shared libraries, some of which open files and start threads.
__attribute__((used, retain, section(".preinit_array"))) static void (*const at_start)(
    int, char **, char **) = prepare;

int ctk_open_standard_descriptors(void) {
  for (int number = 0; number <= 2; number++) {
    if (fcntl(number, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is the one that is missing, because those below are open.
    int opened = open("/dev/null", number == 0 ? O_RDONLY : O_WRONLY);
    if (opened < 0) opened = open("/", O_RDONLY | O_DIRECTORY);
    if (opened != number) return -1;
  }
  return 0;
}

static const int crashes[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV};
enum { crash_count = sizeof crashes / sizeof crashes[0], probe_bytes = 64 << 20 };
static struct sigaction before[crash_count];
static volatile sig_atomic_t memory_status;
/// The stack of the signal handler, for when the main thread's own can't grow.
static char handler_stack[1 << 16];

/// Whether the system refuses 64 MiB of memory now.
static int is_memory_short(void) {
  void *probe =
      mmap(0, probe_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return 1;
  munmap(probe, probe_bytes);
  return 0;
}

/// Whether the address space is limited, so that a large block may have been refused although a
/// small one isn't.
static int is_space_limited(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/// Only async-signal-safe calls here. The run-time library of Swift calls abort where an allocation
/// fails; its other failures are illegal instructions.
static void on_crash(int number) {
  if (is_memory_short() || (number == SIGABRT && is_space_limited())) {
    say("ctpack: there is too little memory; raise the limit (ulimit -v, or the container's), or "
        "use less with --memory and --threads\n");
    _exit(memory_status);
  }
  // Any other crash happens again under the action that was there before.
  for (int i = 0; i < crash_count; i++)
    if (crashes[i] == number) sigaction(number, &before[i], 0);
  if (number == SIGABRT) raise(number);
}

void ctk_install_memory_guard(int exit_status) {
  if (memory_status == 0) {
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = handler_stack;
    stack.ss_size = sizeof handler_stack;
    sigaltstack(&stack, 0);
  }
  memory_status = exit_status;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < crash_count; i++) {
    struct sigaction now;
    // Installed twice, it must not take itself for what was there before.
    if (sigaction(crashes[i], 0, &now) != 0 || now.sa_handler == on_crash) continue;
    before[i] = now;
    sigaction(crashes[i], &action, 0);
  }
}
