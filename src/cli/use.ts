import { configure } from '../engine.js'
import { interruptible } from './interrupt.js'
import { byRanks } from './ranks.js'
import type { Flags } from './taskCommand.js'
import { taskFor, usedBy } from './tasks.js'

/** Runs `seqloom <name>` with a saved model; processes that `mpirun` has started share the work. */
export async function use(name: string, given: readonly string[], flags: Flags): Promise<void> {
  const { model, threads } = flags as { readonly model: string; readonly threads?: number }
  if (threads !== undefined) configure({ threads })
  const work = async (signal: AbortSignal) => {
    for (const { use } of usedBy(name)) await use?.check?.(given, flags)
    const { use, load } = await taskFor(name, model)
    await use?.run(await load(model), given, flags, signal)
  }
  await byRanks(() => interruptible(work))
}
