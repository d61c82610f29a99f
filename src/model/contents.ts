import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/** What can lie in a folder. */
export const kinds = {
  model: 'a model',
  backup: 'the backup of a training',
  classification: 'a text classifier',
  tagging: 'a sequence tagger',
  answering: 'a question answerer',
  forecasting: 'a forecaster',
  translation: 'a translator',
  captioning: 'a captioner',
  textGenerator: 'a text generator',
} as const

/** What lies in a folder: a task's model, one without a task, or the backup of a training. */
export type Kind = keyof typeof kinds

/** The class of `tasks` that loads what a task saved. */
const classes: Partial<Record<Kind, string>> = {
  classification: 'TextClassifier',
  tagging: 'SequenceTagger',
  answering: 'QuestionAnswerer',
  forecasting: 'Forecaster',
  translation: 'Translator',
  captioning: 'Captioner',
  textGenerator: 'TextGenerator',
}

/** The files by which the models of some tasks are known that were saved before all said what they are. */
const formerly: readonly (readonly [Kind, readonly string[]])[] = [
  ['forecasting', ['forecaster.json']],
  ['answering', ['reader.json']],
  ['tagging', ['vocabulary.json', 'tags.json']],
  ['classification', ['tokenizer.json', 'labels.json']],
  ['translation', ['source.json', 'target.json']],
  ['captioning', ['target.json']],
]

/** What a description says that its folder holds. */
export interface Contents {
  readonly kind: Kind
  /** Whether its training was interrupted, or goes on: something that ended may take its place. */
  readonly unfinished: boolean
}

/** What a description of ours says that its folder holds. */
export function contentsOf({ assets, metadata, unfinished }: Readonly<Record<string, unknown>>): Contents {
  const facts = isRecord(metadata) ? metadata : {}
  const files = isRecord(assets) ? assets : {}
  const known = Object.keys(kinds).find((kind) => kind === facts.task) as Kind | undefined
  const former = formerly.find(([, names]) => names.every((name) => Object.hasOwn(files, name)))
  const kind = facts.backup !== undefined ? 'backup' : (known ?? former?.[0] ?? 'model')
  return { kind, unfinished: unfinished === true || kind === 'backup' }
}

/** Words for what a folder holds. */
export function wordsFor({ kind, unfinished }: Contents): string {
  const words: string = kinds[kind]
  return unfinished && kind !== 'backup' ? `${words} whose training has not ended` : words
}

/** What something is called without its article: `text classifier`. */
export const nounFor = (kind: Kind): string => kinds[kind].replace(/^an? /, '')

/** Says of a folder that it holds something else than what was wanted, what that is, and what loads it, or `takes` it otherwise. */
export function mistaken(folder: string, wanted: Kind, found: Contents, takes?: string): SeqloomError {
  const name = classes[found.kind]
  const loads = name === undefined ? 'loadModel loads' : `tasks.${name}.load loads`
  return new SeqloomError(
    'ERR_FORMAT',
    `${folder} is no ${nounFor(wanted)}: it holds ${wordsFor(found)}, which ${takes ?? loads}`,
  )
}
