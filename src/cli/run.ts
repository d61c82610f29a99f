import { CommanderError } from 'commander'
import { exitCodes, tell } from './failure.js'
import { checkPrinted } from './output.js'
import { program } from './program.js'

/** Runs the command with its arguments and returns the exit code; failures become one line on stderr. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: 'user' })
    checkPrinted()
    return exitCodes.done
  } catch (error) {
    // Help and version are errors to commander too; its messages are already printed.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    return tell(error)
  }
}
