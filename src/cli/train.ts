import { dashboard } from '../callbacks/dashboard.js'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { optionValues } from './flags.js'
import { backupFolder, type OutOptions } from './folder.js'
import { interruptible } from './interrupt.js'
import { note } from './output.js'
import { checkPicture } from './pictures.js'
import { byRanks } from './ranks.js'
import type { FileOptions } from './rows.js'
import type { AnyTaskCommand, Flags } from './taskCommand.js'
import { trainAndSave } from './trainAndSave.js'

/** The flags of every training, plus those of its task. */
export type TrainFlags = FileOptions &
  OutOptions &
  Flags & {
    readonly json: boolean
    readonly threads?: number
    readonly dashboard?: true | number
    readonly runs: string
    readonly plot?: string
  }

/**
 * Trains a task and saves the best model. An interrupt saves the best so far if it replaces no finished one, leaves a
 * backup to go on from, and rejects with an AbortError. Processes that `mpirun` has started train together.
 */
export async function train(command: Required<AnyTaskCommand>, flags: TrainFlags): Promise<void> {
  if (flags.threads !== undefined) configure({ threads: flags.threads })
  await byRanks(() => trainTask(command, flags))
}

async function trainTask({ kind, read, train }: Required<AnyTaskCommand>, flags: TrainFlags): Promise<void> {
  const { resume, dashboard: watched, runs, plot, force } = flags
  const unsaved = train.unsaved?.(flags)
  if (resume && unsaved !== undefined) {
    throw new SeqloomError('ERR_OPTION', `--resume cannot be combined with ${unsaved}, which makes no backups`)
  }
  const [options, training] = train.options
  const task = train.create(optionValues(options, flags), flags)
  const backupDir = await backupFolder(flags, kind)
  if (plot !== undefined) await checkPicture(plot, force)
  await interruptible(async (signal) => {
    const data = await read({ ...flags, signal }, task)
    const backup = unsaved === undefined ? { backupDir, resume } : {}
    const port = typeof watched === 'number' ? watched : 0
    const page = watched !== undefined && { callbacks: dashboard({ port, logDir: runs, name: train.name }) }
    const settings = { ...optionValues(training, flags), ...backup, ...page, signal }
    await trainAndSave(task, flags, train.view, (listeners) => task.train(data as never, { ...settings, ...listeners }))
    if (watched !== undefined) note(`dashboard: the page has ended; seqloom dashboard '${runs}' shows its record`)
  })
}
