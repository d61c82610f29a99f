/**
 * Emits a Node warning about something that works but is probably not what the user wants. It goes to stderr, and to
 * listeners of `process.on('warning')`; `--no-warnings` silences it. Its name is `SeqloomWarning`, its code begins with
 * `WARN_`.
 */
export function warn(code: `WARN_${string}`, message: string): void {
  process.emitWarning(message, { type: 'SeqloomWarning', code })
}
