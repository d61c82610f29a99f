import { CommanderError } from 'commander'
import { SeqloomError } from '../errors.js'
import { program } from './program.js'

/** The exit codes of the command. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Runs the command with its arguments and returns the exit code; failures become one line on stderr. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: 'user' })
    return exitCodes.done
  } catch (error) {
    // Help and version are errors to commander too; its messages are already printed.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    // Node's own AbortErrors count too: those of streams.
    if (error instanceof Error && error.name === 'AbortError') return exitCodes.interrupted
    process.stderr.write(`seqloom: ${line(error)}\n`)
    return error instanceof SeqloomError && error.code === 'ERR_OPTION' ? exitCodes.usage : exitCodes.failed
  }
}

function line(error: unknown): string {
  const code = error instanceof SeqloomError ? error.code : 'ERR_NATIVE'
  const message = error instanceof Error ? error.message : String(error)
  return `${code}: ${message.replaceAll(/\s*\n\s*/g, ' ')}`
}
