import { Option } from 'commander'
import { configure } from '../engine.js'
import { AbortError, SeqloomError } from '../errors.js'
import { type Refit, type SearchResult, searchTask, type Trial } from '../search/index.js'
import { gathered, type RowStream } from '../tasks/shared/rows.js'
import { integer, positive } from './arguments.js'
import { optionValues } from './flags.js'
import { checkOut } from './folder.js'
import { interruptible } from './interrupt.js'
import { note, print, printJson } from './output.js'
import { byRanks } from './ranks.js'
import type { FileOptions } from './rows.js'
import { spaceOf } from './space.js'
import type { AnyTaskCommand, Flags } from './taskCommand.js'

/** The flags of every search, plus those of its task. */
export type SearchFlags = FileOptions &
  Flags & {
    readonly space: readonly string[]
    readonly trials?: number
    readonly halving: boolean
    readonly factor?: number
    readonly workers?: number
    readonly monitor?: string
    readonly refit: Refit
    readonly folder?: string
    readonly maxSeconds?: number
    readonly dashboard?: true | number
    readonly epochs?: number
    readonly seed?: number
    readonly out: string
    readonly force: boolean
    readonly json: boolean
    readonly threads?: number
  }

/** The flags of a search, besides those of its task. */
export const searchFlags = (): Option[] => [
  new Option('--trials <n>', 'how many options to try; default: 10, or as many as halving needs').argParser(integer(1)),
  new Option(
    '--halving',
    'compare after few epochs, and go on with the best third, and so on; --epochs are those of a trial that is never left',
  ).default(false),
  new Option('--factor <n>', 'one of how many trials goes on with --halving; default: 3').argParser(integer(2)),
  new Option('--workers <n>', 'trials at the same time; default: as many as there are threads').argParser(integer(1)),
  new Option('--monitor <name>', 'what is compared, such as val_accuracy; default: val_loss'),
  new Option('--refit <rows>', "train the best anew as in its trial, or on 'all' rows, those of validation included")
    .choices(['trial', 'all'])
    .default('trial'),
  new Option('--folder <folder>', 'keep the trials there: the same search started again goes on'),
  new Option('--max-seconds <n>', 'begin no trial after so many seconds').argParser(positive),
]

/**
 * Searches for the options of a task and saves the one that was trained with the best. Processes that `mpirun` has
 * started share the trials.
 */
export async function search(command: Required<AnyTaskCommand>, flags: SearchFlags): Promise<void> {
  await byRanks(() => searchOptions(command, flags))
}

async function searchOptions({ kind, read, train }: Required<AnyTaskCommand>, flags: SearchFlags): Promise<void> {
  const { threads, halving, epochs, factor, json, out, force, folder, dashboard } = flags
  if (threads !== undefined) configure({ threads })
  if (halving && epochs === undefined) {
    throw new SeqloomError('ERR_OPTION', '--halving needs --epochs: those of a trial that is never left')
  }
  if (!halving && factor !== undefined) throw new SeqloomError('ERR_OPTION', '--factor is for --halving')
  const [options, training] = train.options
  const space = spaceOf(flags.space, [options, training])
  const given = optionValues(options, flags)
  const twice = Object.keys(space).find((name) => Object.hasOwn({ ...given, ...optionValues(training, flags) }, name))
  if (twice !== undefined) throw new SeqloomError('ERR_OPTION', `${twice} is given both by a flag and by --space`)
  await checkOut(out, kind, force)
  await interruptible(async (signal) => {
    const data = (await read({ ...flags, signal }, train.create(given, flags))) as RowStream<unknown>
    const { epochs: _, ...rest } = optionValues(training, flags) as { readonly epochs?: number }
    const plan = {
      ...{ name: kind.task, tables: train.options, options: given },
      train: halving || epochs === undefined ? rest : { ...rest, epochs },
      create: (all: object) => train.create(all, flags),
    }
    const { seed, trials, workers, monitor, refit, maxSeconds } = flags
    const chosen = Object.entries({ seed, trials, workers, monitor, folder, maxSeconds, factor }).filter(
      ([, v]) => v !== undefined,
    )
    // Every trial sees the same rows, so that they are read once.
    const kept = await gathered('search', data, signal)
    const found = await searchTask(
      'search',
      { ...plan, data: kept.dataset(flags.data), sample: kept.rows },
      {
        ...{ ...Object.fromEntries(chosen), space, refit, signal },
        ...(halving && { epochs }),
        ...(dashboard !== undefined && { dashboard: { port: dashboard === true ? 0 : dashboard } }),
        onTrial: (trial, { done, trials: all }) => report(trial, done, all, json),
      },
    ).catch((error: unknown) => {
      if (error instanceof AbortError && folder !== undefined)
        note(`interrupted: the same search started again goes on in ${folder}`)
      throw error
    })
    await finish(found, flags)
  })
}

async function finish(found: SearchResult<Trial['options'], unknown>, { out, force, json }: SearchFlags) {
  const { best, refitted } = found
  await (refitted as { save(folder: string, options: object): Promise<void> }).save(out, { overwrite: force })
  if (json) printJson({ event: 'done', model: out, best: written(best) })
  else {
    print(found.table())
    note(`saved the model of trial ${best.number} in ${out}`)
  }
}

const written = ({ number, state, value, bestEpoch, values, seconds, options, error }: Trial) => ({
  ...{ number, state, value, best_epoch: bestEpoch, epochs: values.length, seconds, options },
  ...(error && { error }),
})

function report(trial: Trial, done: number, all: number, json: boolean): void {
  if (json) {
    printJson({ event: 'trial', ...written(trial) })
    return
  }
  const { number, state, value, bestEpoch, values, seconds, options, error } = trial
  const what = error
    ? `failed: ${error.code}: ${error.message}`
    : `${state}  ${value?.toFixed(4) ?? 'no value'} after epoch ${bestEpoch ?? 0} of ${values.length}`
  const drawn = Object.entries(options).map(
    ([name, each]) => `${name} ${typeof each === 'number' ? Number(each.toPrecision(4)) : each}`,
  )
  note(`trial ${number} (${done} of ${all} ended)  ${what}  ${seconds.toFixed(1)} s  ${drawn.join(', ')}`)
}
