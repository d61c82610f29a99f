//! How the C library's heap uses a limited address space.

use napi_derive::module_init;

/// With a limited address space, threads share one heap. By default glibc gives each of them a heap of its own, which
/// reserves 64 MiB of addresses: a few threads would take what was found free for the work itself, and an allocation
/// that fails inside a library ends the process.
#[module_init]
fn share() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if seqloom_graph::address_limit().is_some() {
        // SAFETY: the function only sets a number, under the heap's own lock.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}
