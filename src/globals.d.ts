// What the declarations of this package name and neither an older `lib` nor a program without Node.js's types declares. Where those are there, each
// of these is a part of theirs.

/// <reference lib="es2022.error" />
/// <reference lib="esnext.disposable" />

interface AbortSignal {
  readonly aborted: boolean
}

interface URL {
  href: string
}
