import {
  type Callback,
  type CallbackState,
  type KeptTraining,
  recording,
  type TrainingState,
} from '../callbacks/callback.js'
import { alone, type Ranks, readersFor } from '../distributed.js'
import { describe, SeqloomError } from '../errors.js'
import { exchanged } from './exchange.js'
import type { Model } from './model.js'

/** What rank 0 tells the others before a training begins. */
interface Beginning {
  readonly identity: KeptTraining['identity']
  /** Tells models, and how they train, apart. */
  readonly model: string
  /** Where it goes on, and the states of the callbacks, if it does. */
  readonly from?: { readonly state: TrainingState; readonly callbacks: readonly (CallbackState | undefined)[] }
}

/**
 * The processes that share an evaluation or a prediction: this one alone with callbacks, which may end it after any
 * batch, and for a model whose batches depend on those before.
 */
export function sharersOf(
  where: string,
  wanted: boolean | undefined,
  model: Model,
  callbacks: readonly Callback[],
): Ranks {
  const ranks = readersFor(where, wanted)
  return callbacks.length > 0 || model.stateful ? alone : ranks
}

/** Callbacks for a rank: those that write or show something are rank 0's. The places of all others stay the same. */
export function callbacksOf(callbacks: readonly Callback[], { rank }: Ranks): Callback[] {
  if (rank === 0) return [...callbacks]
  return callbacks.map((callback) =>
    callback[recording] ? { ...(callback.gradientNorms && { gradientNorms: true }) } : callback,
  )
}

/**
 * Lets all ranks begin where rank 0 does, `from` a backup or at the beginning, and, unless it `isSeeded`, with rank 0's
 * seed: seeds that nobody has chosen are other ones in each process. `ERR_DATA` if they do not train the same model in the
 * same way on the same data; `ERR_STATE` if another rank has failed.
 */
export async function beginTogether(
  { rank }: Ranks,
  model: string,
  kept: KeptTraining,
  from: TrainingState | undefined,
  isSeeded: boolean,
): Promise<unknown> {
  const states = () => kept.callbacks.map((callback) => callback.getState?.())
  const own: Beginning = {
    identity: kept.identity,
    model,
    ...(from && { from: { state: { ...from, history: plain(from) }, callbacks: states() } }),
  }
  const [first] = (await exchanged('fit', rank === 0 ? own : undefined)) as [Beginning]
  const { seed } = first.identity
  if (rank === 0) return seed
  if (first.model !== model) {
    throw new SeqloomError(
      'ERR_DATA',
      `fit: rank ${rank} trains another model than rank 0, or compiled it with another optimizer, loss or metrics; all ranks must make and compile the same`,
    )
  }
  for (const [name, value] of Object.entries(first.identity)) {
    if (kept.identity[name] === value || (name === 'seed' && !isSeeded)) continue
    const what =
      name === 'data' ? 'other data' : `${name} ${describe(kept.identity[name])} instead of ${describe(value)}`
    throw new SeqloomError(
      'ERR_DATA',
      `fit: rank ${rank} trains with ${what} than rank 0; all ranks must call fit with the same data and options, of which each takes its share`,
    )
  }
  if (!first.from) return seed
  for (const [at, callback] of kept.callbacks.entries()) {
    const state = first.from.callbacks[at]
    if (state) callback.setState?.(state)
  }
  kept.goOn(first.from.state)
  return seed
}

/** The values of a history without its methods. */
const plain = ({ history: { epoch, history } }: TrainingState) => ({ epoch, history })
