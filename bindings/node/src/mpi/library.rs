//! The MPI library, found and opened when it is needed: Open MPI, or MPICH and those that share its binary interface.
//!
//! MPI is a standard of source code: handles are addresses of the library's objects in Open MPI and numbers in MPICH,
//! whose values are those of its `mpi.h`. Both are passed in one register, so one type of function serves both.

use crate::error::{ErrorCode, Failure, Outcome};
use std::ffi::{c_char, c_int, c_void};

/// A communicator, a datatype or an error handler.
type Handle = usize;

/// Declares the functions that are used.
macro_rules! functions {
    ($($field:ident: $name:literal, fn($($argument:ty),*);)*) => {
        /// What is used of the library. It stays open until the process ends.
        pub(super) struct Library {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) -> c_int,)*
            pub(super) world: Handle,
            pub(super) byte: Handle,
            pub(super) returns_errors: Handle,
            /// What stands for a status, or statuses, that nobody reads.
            pub(super) no_status: *mut c_void,
            pub(super) any_source: c_int,
            /// The size of a request.
            pub(super) request: usize,
        }

        impl Library {
            /// Finds all functions and constants.
            fn read(open: &libloading::Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of the MPI standard, with handles as described above.
                unsafe {
                    let address = |name: &str| open.get::<*mut c_void>(name.as_bytes()).map(|symbol| *symbol as Handle);
                    let is_open_mpi = address("ompi_mpi_comm_world\0").is_ok();
                    let handle = |name, number| if is_open_mpi { address(name) } else { Ok(number) };
                    Ok(Self {
                        $($field: *open.get($name)?,)*
                        world: handle("ompi_mpi_comm_world\0", 0x4400_0000)?,
                        byte: handle("ompi_mpi_byte\0", 0x4c00_010d)?,
                        returns_errors: handle("ompi_mpi_errors_return\0", 0x5400_0001)?,
                        no_status: std::ptr::without_provenance_mut(usize::from(!is_open_mpi)),
                        any_source: if is_open_mpi { -1 } else { -2 },
                        request: if is_open_mpi { size_of::<*mut c_void>() } else { size_of::<c_int>() },
                    })
                }
            }
        }
    };
}

functions! {
    init_thread: b"MPI_Init_thread\0", fn(*mut c_int, *mut c_void, c_int, *mut c_int);
    set_errhandler: b"MPI_Comm_set_errhandler\0", fn(Handle, Handle);
    comm_rank: b"MPI_Comm_rank\0", fn(Handle, *mut c_int);
    comm_size: b"MPI_Comm_size\0", fn(Handle, *mut c_int);
    library_version: b"MPI_Get_library_version\0", fn(*mut c_char, *mut c_int);
    error_string: b"MPI_Error_string\0", fn(c_int, *mut c_char, *mut c_int);
    isend: b"MPI_Isend\0", fn(*const c_void, c_int, Handle, c_int, c_int, Handle, *mut c_void);
    irecv: b"MPI_Irecv\0", fn(*mut c_void, c_int, Handle, c_int, c_int, Handle, *mut c_void);
    recv: b"MPI_Recv\0", fn(*mut c_void, c_int, Handle, c_int, c_int, Handle, *mut c_void);
    testall: b"MPI_Testall\0", fn(c_int, *mut c_void, *mut c_int, *mut c_void);
    iprobe: b"MPI_Iprobe\0", fn(c_int, c_int, Handle, *mut c_int, *mut c_void);
    abort: b"MPI_Abort\0", fn(Handle, c_int);
    finalize: b"MPI_Finalize\0", fn();
}

// SAFETY: functions and constants of a library that stays open; who calls them, and from which thread, is decided
// elsewhere.
unsafe impl Send for Library {}

/// Names a library by hand.
const VARIABLE: &str = "SEQLOOM_MPI_LIBRARY";

/// What Open MPI is called, and what MPICH and its relatives are.
const OPEN_MPI: &[&str] = if cfg!(target_os = "macos") { &["libmpi.40.dylib"] } else { &["libmpi.so.40"] };
const MPICH: &[&str] = if cfg!(target_os = "macos") {
    &["libmpi.12.dylib", "libpmpi.12.dylib"]
} else {
    &["libmpich.so.12", "libmpi.so.12", "libmpi_cray.so.12"]
};

/// Opens the library of the launcher that started this process, as the environment tells, else any that is there.
pub(super) fn open() -> Outcome<Library> {
    let named = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    let of_mpich =
        std::env::var_os("PMI_RANK").is_some() && std::env::var_os("OMPI_COMM_WORLD_RANK").is_none();
    let (first, second) = if of_mpich { (MPICH, OPEN_MPI) } else { (OPEN_MPI, MPICH) };
    let names: Vec<&str> = match &named {
        Some(name) => vec![name],
        // A process must have the library of its launcher.
        None if of_mpich || std::env::var_os("OMPI_COMM_WORLD_RANK").is_some() => first.to_vec(),
        None => [first, second].concat(),
    };
    let mut why = String::new();
    for name in &names {
        match load(name).and_then(|library| Library::read(&library).map(|read| (library, read))) {
            Ok((library, read)) => {
                std::mem::forget(library);
                return Ok(read);
            }
            Err(error) => why = format!("{why}; {name}: {error}"),
        }
    }
    let missing = if of_mpich {
        "MPICH, whose mpirun started this process (Debian: apt install mpich)"
    } else {
        "Open MPI (Debian: apt install openmpi-bin; macOS: brew install open-mpi) or MPICH (Debian: apt install mpich)"
    };
    Err(Failure::new(
        ErrorCode::UNSUPPORTED,
        format!(
            "Training by several processes needs an MPI library: install {missing}, or name its file in {VARIABLE}{why}"
        ),
    ))
}

/// Opens a library so that what it loads itself finds its symbols, as Open MPI's components must.
fn load(name: &str) -> Result<libloading::Library, libloading::Error> {
    #[cfg(unix)]
    {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        // SAFETY: the initialisers of an MPI library are safe to run; only one is ever opened.
        unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }.map(Into::into)
    }
    #[cfg(not(unix))]
    // SAFETY: as above.
    unsafe {
        libloading::Library::new(name)
    }
}

impl Library {
    /// What an error code means.
    fn describe(&self, code: c_int) -> String {
        let mut text = [0_u8; 1024];
        let mut len: c_int = 0;
        // SAFETY: the buffer is longer than either library's MPI_MAX_ERROR_STRING.
        unsafe { (self.error_string)(code, text.as_mut_ptr().cast(), &mut len) };
        String::from_utf8_lossy(&text[..usize::try_from(len).unwrap_or(0).min(text.len())]).into_owned()
    }

    /// `ERR_NATIVE` if a call has failed.
    pub(super) fn check(&self, code: c_int) -> Outcome<()> {
        if code == 0 {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::NATIVE, format!("MPI failed: {}", self.describe(code))))
    }

    /// Name and version.
    pub(super) fn version(&self) -> String {
        let mut text = [0_u8; 8192];
        let mut len: c_int = 0;
        // SAFETY: the buffer has MPICH's MPI_MAX_LIBRARY_VERSION_STRING bytes, Open MPI's is shorter.
        unsafe { (self.library_version)(text.as_mut_ptr().cast(), &mut len) };
        let len = usize::try_from(len).unwrap_or(0).min(text.len());
        let text = String::from_utf8_lossy(&text[..len]).into_owned();
        text.trim_matches(char::from(0))
            .split(['\n', ','])
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }
}
