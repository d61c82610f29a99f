import { deserialize, serialize } from 'node:v8'
import {
  type Callback,
  type CallbackState,
  type KeptTraining,
  recording,
  type TrainingState,
} from '../callbacks/callback.js'
import { isDistributed, join, type Ranks } from '../distributed.js'
import { describe, fromNative, SeqloomError } from '../errors.js'
import { native } from '../native/index.js'

/** What rank 0 tells the others before a training begins. */
interface Beginning {
  readonly identity: KeptTraining['identity']
  /** Where it goes on, and the states of the callbacks, if it does. */
  readonly from?: { readonly state: TrainingState; readonly callbacks: readonly (CallbackState | undefined)[] }
}

/** The processes that a training takes part in: this one alone, unless `wanted`, or the process's settings, say otherwise. */
export function ranksFor(wanted: boolean | undefined): Ranks {
  return (wanted ?? isDistributed()) ? join() : { rank: 0, size: 1 }
}

/** Callbacks for a rank: those that write or show something are rank 0's. The places of all others stay the same. */
export function callbacksOf(callbacks: readonly Callback[], { rank }: Ranks): Callback[] {
  if (rank === 0) return [...callbacks]
  return callbacks.map((callback) =>
    callback[recording] ? { ...(callback.gradientNorms && { gradientNorms: true }) } : callback,
  )
}

/**
 * Lets all ranks begin where rank 0 does, `from` a backup or at the beginning. `ERR_DATA` if they do not train the same
 * on the same data; `ERR_STATE` if another rank has failed.
 */
export async function beginTogether(
  { rank }: Ranks,
  kept: KeptTraining,
  from: TrainingState | undefined,
): Promise<void> {
  const states = () => kept.callbacks.map((callback) => callback.getState?.())
  const own: Beginning = {
    identity: kept.identity,
    ...(from && { from: { state: { ...from, history: plain(from) }, callbacks: states() } }),
  }
  const bytes = await native.shareBytes(rank === 0 ? serialize(own) : undefined).catch((error: unknown) => {
    throw fromNative(error)
  })
  if (rank === 0) return
  const first = deserialize(bytes) as Beginning
  for (const [name, value] of Object.entries(first.identity)) {
    if (kept.identity[name] === value) continue
    const what =
      name === 'data' ? 'other data' : `${name} ${describe(kept.identity[name])} instead of ${describe(value)}`
    throw new SeqloomError(
      'ERR_DATA',
      `fit: rank ${rank} trains with ${what} than rank 0; all ranks must call fit with the same data and options, of which each takes its share`,
    )
  }
  if (!first.from) return
  for (const [at, callback] of kept.callbacks.entries()) {
    const state = first.from.callbacks[at]
    if (state) callback.setState?.(state)
  }
  kept.goOn(first.from.state)
}

/** The values of a history without its methods. */
const plain = ({ history: { epoch, history } }: TrainingState) => ({ epoch, history })
