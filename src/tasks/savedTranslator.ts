import { SeqloomError } from '../errors.js'
import { Functional, loadFolder, saveFolder } from '../model/index.js'
import { outputs } from './translatorModel.js'
import { type Units, unitsFrom } from './units.js'

/** What a translator consists of once there is a model. */
export interface TranslatorParts {
  readonly model: Functional
  readonly source: Units
  readonly target: Units
  /** The most tokens that are read of a text. */
  readonly maxLength: number
  /** The most tokens of a target that was trained on. */
  readonly longestTarget: number
  /** Whether the model got the weights of an earlier step back, to which its optimizer's state does not belong; default false. */
  restored?: boolean
}

const files = { source: 'source.json', target: 'target.json' } as const

/** The tokens that the target's vocabulary is followed by: one begins every translation, one ends it. */
export const boundaries = ({ size }: Units) => ({ start: size, end: size + 1 })

/** Saves a translator as a model folder with both vocabularies. Rejects with `ERR_IO`. */
export async function saveTranslator(folder: string, parts: TranslatorParts): Promise<void> {
  const { model, source, target, maxLength, longestTarget, restored = false } = parts
  await saveFolder(folder, {
    model: model as Parameters<typeof saveFolder>[1]['model'],
    assets: { [files.source]: JSON.stringify(source), [files.target]: JSON.stringify(target) },
    metadata: { task: 'translation', maxLength, longestTarget },
    withoutOptimizerState: restored,
  })
}

/** Loads what {@link saveTranslator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no translator or contradicts itself. */
export async function readTranslator(folder: string): Promise<TranslatorParts> {
  const { model, assets, metadata } = await loadFolder(folder)
  const no = (what: string) => new SeqloomError('ERR_FORMAT', `${folder} is no translator: ${what}`)
  const read = (name: string): Units => {
    const data = assets[name]
    if (data === undefined) throw no(`its model.json names no ${name}`)
    return unitsFrom(name, new TextDecoder().decode(data))
  }
  const [source, target] = [read(files.source), read(files.target)]
  const { maxLength, longestTarget } = metadata
  const fits = (length: unknown): length is number => Number.isSafeInteger(length) && (length as number) >= 1
  if (!fits(maxLength) || !fits(longestTarget)) throw no('its model.json has no lengths')
  const words = model instanceof Functional ? model.topology().outputs[outputs.words]?.shape.at(-1) : undefined
  if (!(model instanceof Functional) || words !== target.size + 2) {
    throw no(`its model does not write the ${target.size} tokens of ${files.target}`)
  }
  return { model, source, target, maxLength, longestTarget }
}
