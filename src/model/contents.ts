import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/** A kind of folder contents: a task's model, a model without a task, or the backup of a training. */
export interface Kind {
  /** Its name in descriptions. */
  readonly name: string
  /** What it is, with an article. */
  readonly words: string
  /** The class in `tasks` that loads it. */
  readonly task?: string
  /** The files that identify those that were saved before descriptions said what they are. */
  readonly files?: readonly string[]
}

const kinds: Kind[] = []

/** Registers a kind, so that whoever wanted another one is told what was found. */
export function defineKind<K extends Kind>(kind: K): K {
  kinds.push(kind)
  return kind
}

/** The kind of models that are no task's. */
export const modelKind = defineKind({ name: 'model', words: 'a model' })

/** The kind of backups. */
export const backupKind = defineKind({ name: 'backup', words: 'the backup of a training' })

/** What a description says that its folder holds. */
export interface Contents {
  readonly kind: Kind
  /** Whether its training was interrupted, or is still running: a finished model may replace it. */
  readonly unfinished: boolean
}

/** What a description says that its folder holds. */
export function contentsOf({ assets, metadata, unfinished }: Readonly<Record<string, unknown>>): Contents {
  const facts = isRecord(metadata) ? metadata : {}
  const files = isRecord(assets) ? assets : {}
  const known = kinds.find(({ name }) => name === facts.task)
  const kind = facts.backup !== undefined ? backupKind : (known ?? formerKind(files) ?? modelKind)
  return { kind, unfinished: unfinished === true || kind === backupKind }
}

/** The kind that these files belong to; if there are several, the one with the most files. */
function formerKind(files: object): Kind | undefined {
  const found = kinds.filter((kind) => kind.files?.every((name) => Object.hasOwn(files, name)))
  return found.sort((a, b) => (b.files?.length ?? 0) - (a.files?.length ?? 0))[0]
}

/** Words for what a folder holds. */
export function wordsFor({ kind, unfinished }: Contents): string {
  return unfinished && kind !== backupKind ? `${kind.words} whose training has not ended` : kind.words
}

/** The words for a kind without the article: `text classifier`. */
export const nounFor = (kind: Kind): string => kind.words.replace(/^an? /, '')

const either = new Intl.ListFormat('en', { type: 'disjunction' })

/**
 * Says that a folder holds something other than one of the kinds that were wanted, what it is, and what loads it (or else what `takes`
 * it).
 */
export function mistaken(folder: string, wanted: readonly Kind[], found: Contents, takes?: string): SeqloomError {
  const { task } = found.kind
  const loads = task === undefined ? 'loadModel loads' : `tasks.${task}.load loads`
  return new SeqloomError(
    'ERR_FORMAT',
    `${folder} is no ${either.format(wanted.map(nounFor))}: it holds ${wordsFor(found)}, which ${takes ?? loads}`,
  )
}
