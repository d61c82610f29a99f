/**
 * Tells of something that works, but hardly as it is meant: a warning of Node's, which goes to stderr unless the program listens to
 * `process.on('warning')` or is run with `--no-warnings`. Its name is `SeqloomWarning`, its code begins with `WARN_`.
 */
export function warn(code: `WARN_${string}`, message: string): void {
  process.emitWarning(message, { type: 'SeqloomWarning', code })
}
