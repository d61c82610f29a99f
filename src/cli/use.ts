import { configure } from '../engine.js'
import { interruptible } from './interrupt.js'
import type { Flags } from './taskCommand.js'
import { taskFor, usedBy } from './tasks.js'

/** Runs `seqloom <name>` with a saved model. */
export async function use(name: string, given: readonly string[], flags: Flags): Promise<void> {
  const { model, threads } = flags as { readonly model: string; readonly threads?: number }
  if (threads !== undefined) configure({ threads })
  await interruptible(async (signal) => {
    for (const { use } of usedBy(name)) await use?.check?.(given, flags)
    const { use, load } = await taskFor(name, model)
    await use?.run(await load(model), given, flags, signal)
  })
}
