import { SeqloomError } from '../errors.js'
import { withFlags } from './flagNames.js'
import { note } from './output.js'

/** The exit codes of the command. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Reports a failure in one line on stderr and returns its exit code. */
export function tell(error: unknown): number {
  // Node's own AbortErrors count too: those of streams.
  if (error instanceof Error && error.name === 'AbortError') return exitCodes.interrupted
  const code = error instanceof SeqloomError ? error.code : 'ERR_NATIVE'
  const message = error instanceof Error ? error.message : String(error)
  note(`seqloom: ${code}: ${withFlags(message).replaceAll(/\s*\n\s*/g, ' ')}`)
  return code === 'ERR_OPTION' ? exitCodes.usage : exitCodes.failed
}
