// Types that this package's declarations use, for programs with an older `lib` or without Node.js's types. Where those
// are present, these declarations merge with theirs.

/// <reference lib="es2022.error" />
/// <reference lib="esnext.disposable" />

interface AbortSignal {
  readonly aborted: boolean
}

interface URL {
  href: string
}

// biome-ignore lint/suspicious/noExplicitAny: declarations that merge have the same parameters
interface ReadableStream<R = any> {
  readonly locked: boolean
}

interface RequestInit {
  method?: string
}

interface Response {
  readonly ok: boolean
}
