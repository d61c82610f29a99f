import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { interruptible } from './interrupt.js'
import { byRanks } from './ranks.js'
import type { FileOptions } from './rows.js'
import type { Flags } from './taskCommand.js'
import { commandOf } from './tasks.js'

/** The flags of `seqloom evaluate`, apart from the columns of tasks. */
export type EvaluateFlags = FileOptions &
  Flags & { readonly model: string; readonly json: boolean; readonly threads?: number }

/** Measures a saved model of any task on the rows of a file, a text generator on a text. Processes that `mpirun` has started share the work. */
export async function evaluate(flags: EvaluateFlags): Promise<void> {
  const { model, json, threads } = flags
  if (threads !== undefined) configure({ threads })
  const { contents, command } = await commandOf(model)
  if (!command) {
    const cure = 'load it in a program and give its evaluate the inputs and targets'
    throw new SeqloomError('ERR_UNSUPPORTED', `${model} holds ${contents.kind.words} that is no task's; ${cure}`)
  }
  const work = async (signal: AbortSignal) => {
    const task = await command.load(model)
    const data = await command.read({ ...flags, signal }, task)
    command.show(await task.evaluate(data as never, { signal }), json, task)
  }
  await byRanks(() => interruptible(work))
}
