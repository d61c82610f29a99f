import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { deserialize, serialize } from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import { callNative, describe, fromNative, SeqloomError } from './errors.js'
import { native } from './native/index.js'
import { version } from './native/version.js'
import { begin, inManner, isShared, type Ranks, ranks } from './rank.js'

export type { Ranks } from './rank.js'

const variable = 'SEQLOOM_DISTRIBUTED'

/** This process by itself. */
export const alone: Ranks = { rank: 0, size: 1 }

/**
 * What MPI libraries read when they are opened. To follow which memory is mapped, UCX and Open MPI write other code
 * into the C library's functions, while other threads of Node.js run them: now and then that ends the process. UCX also
 * takes the signals of faults, which V8 needs.
 */
const withoutHooks = {
  UCX_MEM_MMAP_HOOK_MODE: 'none',
  UCX_MEM_MALLOC_HOOKS: 'no',
  UCX_MEM_EVENTS: 'no',
  UCX_ERROR_SIGNALS: '',
  OMPI_MCA_memory: '^patcher',
}

/** What `configure` was told. */
let chosen: boolean | undefined
/** Whether the number of threads was chosen, so that it is not this process's share. */
let threadsChosen = (process.env.SEQLOOM_THREADS ?? '') !== ''

/** Notes what `configure` was told. */
export function noteConfiguration({
  threads,
  distributed,
}: {
  readonly threads?: number
  readonly distributed?: 'mpi' | false
}): void {
  if (threads !== undefined) threadsChosen = true
  if (distributed !== undefined) chosen = distributed === 'mpi'
}

/** Whether an MPI launcher has started this process together with others. */
export function isLaunched(): boolean {
  return ['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'PMIX_SIZE'].some((name) => Number(process.env[name]) > 1)
}

/** `ERR_UNSUPPORTED` where several ranks would read standard input, which `mpirun` gives to rank 0 alone. */
export function checkStandardInput(): void {
  if ((ranks()?.size ?? 1) === 1 && !(isDistributed() && isLaunched())) return
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    'standard input reaches rank 0 alone, so that several ranks cannot read it; store the data in a file',
  )
}

/** Whether calls are distributed unless they say otherwise. `ERR_OPTION` for an unknown engine in the environment. */
export function isDistributed(): boolean {
  const shared = isShared()
  if (shared !== undefined) return shared
  if (chosen !== undefined) return chosen
  const named = process.env[variable] ?? ''
  if (named === '' || named === 'mpi') return named === 'mpi'
  throw new SeqloomError('ERR_OPTION', `${variable} is ${describe(named)}; it must be 'mpi'`)
}

/**
 * Which of the processes that train together this is, and how many there are, after `configure({ distributed: 'mpi' })`
 * or with `SEQLOOM_DISTRIBUTED=mpi`. The first call waits for all of them. Otherwise, and where no `mpirun` has started
 * this process, `{ rank: 0, size: 1 }`. Errors: `ERR_UNSUPPORTED` without an MPI library (the message says what to
 * install), if the processes run different versions of Seqloom, and in a worker; `ERR_OPTION`; `ERR_STATE` if another process has failed.
 */
export function distributed(): Ranks {
  return isDistributed() ? join() : (ranks() ?? alone)
}

/** Begins, if that has not been done. */
export function join(): Ranks {
  const known = ranks()
  if (known) return known
  if (!isMainThread) {
    throw new SeqloomError('ERR_UNSUPPORTED', 'distributed: MPI knows processes, not workers; train in the main thread')
  }
  if (!wasStarted()) {
    callNative(() => native.findMpi())
    return alone
  }
  for (const [name, value] of Object.entries(withoutHooks)) process.env[name] ??= value
  const { rank, size, facts } = callNative(() => native.beginMpi(JSON.stringify(own())))
  const begun = { rank, size }
  process.once('exit', (code) => native.endMpi(code))
  const all = facts.map((text) => JSON.parse(text) as Facts)
  checkVersions(all)
  begin(begun)
  if (!threadsChosen) shareThreads(all, rank)
  return begun
}

/** Versions need not understand each other. All ranks find the same. */
function checkVersions(facts: readonly Facts[]): void {
  const other = facts.findIndex(({ version }) => version !== facts[0]?.version)
  if (other < 0) return
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `distributed: rank ${other} runs version ${facts[other]?.version} of Seqloom, rank 0 version ${facts[0]?.version}; install the same one on all machines`,
  )
}

/**
 * The processes that a call takes part in: this one alone, unless `wanted`, or the process's settings, say otherwise.
 * `ERR_STATE` for a call that ranks cannot make together where it is made.
 */
export function ranksFor(where: string, wanted: boolean | undefined): Ranks {
  if (wanted === true && isShared() === false) {
    throw new SeqloomError(
      'ERR_STATE',
      `${where}: in callbacks, in trials of a search and where rows are read, each rank works for itself; distributed must be left out there`,
    )
  }
  return (wanted ?? isDistributed()) ? join() : alone
}

/** The same for calls that workers make, too: there, each is for itself. */
export const readersFor = (where: string, wanted?: boolean): Ranks =>
  ranksFor(where, wanted ?? (isMainThread ? undefined : false))

/** Does the work of a call by all ranks together, or by this process for itself, if it is told which. */
export async function inWay<T>(where: string, wanted: boolean | undefined, work: () => Promise<T>): Promise<T> {
  if (wanted === undefined) return await work()
  ranksFor(where, wanted)
  return await inManner(wanted, work)
}

let last: Promise<unknown> = Promise.resolve()

/**
 * Makes a call that all ranks make, after those before it. What it calls in its turn is done by each for itself. If it
 * fails in this process, the others are told, and fail, too.
 */
export async function together<T>(ranks: Ranks, work: () => Promise<T>): Promise<T> {
  if (ranks.size === 1) return await work()
  const call = last.then(() => telling(ranks, () => inManner(false, work)))
  last = call.catch(() => undefined)
  return await call
}

/** Does work of all ranks; if it fails in this process, the others are told, and fail, too. */
export async function telling<T>({ size }: Ranks, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // Numbers that are not finite are found by all at once.
    if (size > 1 && !(error instanceof SeqloomError && error.code === 'ERR_NUMERIC')) {
      const why = error instanceof SeqloomError ? `${error.code}: ${error.message}` : String(error)
      callNative(() => native.failMpi(why))
    }
    throw error
  }
}

/** What a rank sends, and for which call. */
interface Parcel<T> {
  readonly where: string
  readonly value: T
}

/** What each rank gives, by rank, sent by `gather`; `ERR_STATE` if another rank makes another call. */
export async function exchangedBy<T>(
  gather: (own: Uint8Array) => Promise<readonly Uint8Array[]>,
  where: string,
  value: T,
): Promise<T[]> {
  const all = await gather(serialize({ where, value } satisfies Parcel<T>))
  return all.map((bytes, rank) => {
    const other = deserialize(bytes) as Parcel<T>
    if (other.where === where) return other.value
    throw new SeqloomError(
      'ERR_STATE',
      `rank ${rank} calls ${other.where} where this one calls ${where}: all ranks must make the same calls in the same order`,
    )
  })
}

/**
 * Lets rank 0 write a file, the others do what else the call does, and all wait for each other, so that the file is there
 * for all of them. In workers, and in what each rank does for itself, this process waits for nobody. If it fails in one
 * process, it fails in all.
 */
export async function writtenByFirst<T>(where: string, work: () => Promise<T>): Promise<T> {
  const isApart = !isMainThread || isShared() === false
  const group = isApart ? alone : (ranks() ?? (isDistributed() && isLaunched() ? join() : alone))
  return await telling(group, async () => {
    const done = await work()
    if (group.size > 1) {
      const gather = (own: Uint8Array) => native.gatherBytes(own, new native.CancelFlag())
      await exchangedBy(gather, where, undefined).catch((error) => {
        throw fromNative(error)
      })
    }
    return done
  })
}

/** Whether a launcher has started this process, be it alone. */
const wasStarted = (): boolean =>
  ['OMPI_COMM_WORLD_RANK', 'PMI_RANK', 'PMIX_RANK'].some((name) => process.env[name] !== undefined)

/** What a process tells of itself. */
interface Facts {
  readonly version: string
  /** Its machine, and which cores it may use there. */
  readonly place: string
}

function own(): Facts {
  let cores = ''
  try {
    cores = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  } catch {
    // Other systems do not tell.
  }
  return { version, place: `${hostname().slice(0, 255)} ${cores.slice(0, 400)}` }
}

/** Divides the cores of a machine among the processes that may use the same ones. */
function shareThreads(facts: readonly Facts[], rank: number): void {
  const places = facts.map(({ place }) => place)
  const neighbours = places.flatMap((place, other) => (place === places[rank] ? [other] : []))
  const { threads } = callNative(() => native.backend())
  const each = Math.floor(threads / neighbours.length)
  const rest = neighbours.indexOf(rank) < threads % neighbours.length ? 1 : 0
  callNative(() => native.configure({ threads: Math.max(1, each + rest) }))
}
