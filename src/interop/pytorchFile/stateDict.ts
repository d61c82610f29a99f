import { SeqloomError, visible } from '../../errors.js'
import type { Source } from '../format.js'
import { refused, Tensor } from './objects.js'
import { Dict, Inert } from './pickle.js'

/** How deep in a checkpoint weights are looked for. */
const mostLevels = 4
/** More places than these are not told. */
const mostTold = 12

/**
 * The named tensors of a saved object: its own, or those of the dictionary below `key`. Without a key there must be one dictionary of tensors; numbers by
 * which they are scored or counted do not make one. Throws `ERR_FORMAT` and, for a key that is not there or several dictionaries, `ERR_OPTION`.
 */
export function stateDictOf(source: Source, saved: unknown, key: readonly string[] | undefined): Map<string, Tensor> {
  if (key !== undefined) return tensorsOf(below(source, saved, key))
  if (saved instanceof Tensor) throw source.malformed('it holds one tensor without a name, not a state dict')
  const all = dictionariesOf(saved)
  const likely = all.filter(({ dict }) => [...tensorsOf(dict).keys()].some(isWeightName))
  // Beside a state dict, a checkpoint may hold losses or states of random numbers.
  const found = likely.length === 1 ? likely : all
  const [only] = found
  if (!only) {
    const object = objectIn(saved)
    if (object) throw refused(source, object.name)
    const numpy = saved instanceof Dict && saved.values.some((value) => value instanceof Inert)
    throw source.malformed(
      `it holds no state dict${numpy ? ', but numbers of another kind' : ''}; in Python, torch.save(model.state_dict(), path) writes one`,
    )
  }
  if (found.length > 1) {
    const places = found.slice(0, mostTold).map(({ path, dict }) => `${shown(path)} (${tensorsOf(dict).size} tensors)`)
    const more = found.length > mostTold ? ` and ${found.length - mostTold} more` : ''
    throw new SeqloomError(
      'ERR_OPTION',
      `${source.where}: it holds several dictionaries of tensors: ${visible(places.join(', '))}${more}; the option key says which`,
    )
  }
  return tensorsOf(only.dict)
}

/** An object of a class that is not known, in a saved object or in its dictionaries. */
function objectIn(saved: unknown): Inert | undefined {
  const isObject = (value: unknown): value is Inert => value instanceof Inert && value.isObject
  let level = [saved]
  for (let depth = 0; depth <= mostLevels && level.length > 0; depth++) {
    const found = level.find(isObject)
    if (found) return found
    level = level.flatMap((value) => (value instanceof Dict ? value.values : Array.isArray(value) ? value : []))
  }
  return undefined
}

interface Place {
  readonly path: readonly string[]
  readonly dict: Dict
}

/** The dictionaries that hold tensors of one or more dimensions, level by level. */
function dictionariesOf(saved: unknown): Place[] {
  const found: Place[] = []
  const seen = new Set<unknown>()
  let level: Place[] = saved instanceof Dict ? [{ path: [], dict: saved }] : []
  for (let depth = 0; depth < mostLevels && level.length > 0; depth++) {
    const next: Place[] = []
    for (const place of level) {
      if (seen.has(place.dict)) continue
      seen.add(place.dict)
      if (place.dict.keys.some((key, index) => typeof key === 'string' && isWeight(place.dict.values[index]))) {
        found.push(place)
      }
      for (const [index, key] of place.dict.keys.entries()) {
        const value = place.dict.values[index]
        if (typeof key === 'string' && value instanceof Dict) next.push({ path: [...place.path, key], dict: value })
      }
    }
    level = next
  }
  return found
}

/** Whether modules of PyTorch call a weight so, as `lstm.weight_ih_l0`. */
const isWeightName = (name: string): boolean => /(^|\.)(weight|bias)(_\w+)?$/.test(name)

const isWeight = (value: unknown): boolean => value instanceof Tensor && value.shape.length > 0

function below(source: Source, saved: unknown, key: readonly string[]): Dict {
  let value = saved
  for (const name of key) value = value instanceof Dict ? value.get(name) : undefined
  if (value instanceof Dict) return value
  const keys = saved instanceof Dict ? saved.keys.filter((each) => typeof each === 'string').slice(0, mostTold) : []
  throw new SeqloomError(
    'ERR_OPTION',
    `${source.where}: key: there is no dictionary ${visible(shown(key))}; the file has ${visible(keys.map((each) => `'${each}'`).join(', ') || 'no keys')}`,
  )
}

/** The tensors of a dictionary by name; what else it holds, such as a version, is no weight. */
function tensorsOf(dict: Dict): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const [index, key] of dict.keys.entries()) {
    const value = dict.values[index]
    if (typeof key === 'string' && value instanceof Tensor) tensors.set(key, value)
  }
  return tensors
}

/** `'model'`, `['nets', 'encoder']` or what `key: []` means. */
function shown(path: readonly string[]): string {
  if (path.length === 0) return 'the file itself, []'
  const names = path.map((name) => `'${name}'`)
  return names.length === 1 ? (names[0] as string) : `[${names.join(', ')}]`
}
