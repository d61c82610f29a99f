import { tensor } from '../../data/tensor.js'
import { SeqloomError, visible } from '../../errors.js'
import { readNamed } from '../../files.js'
import { Source, wholeOf } from '../../interop/format.js'
import { formatOf } from '../../interop/formats.js'
import type { Model } from '../../model/model.js'
import { outputNames } from '../../model/topology.js'
import { isRecord } from '../../options.js'
import type { Values } from './sample.js'

/** Inputs and the outputs that belong to them. */
export interface Pairs {
  readonly inputs: Values[]
  readonly outputs: Values[]
}

/**
 * The inputs and outputs of a file for `--check`. JSON: `{ "x": [[…]], "y": [[…]] }`, each an array, or an object by the
 * names of inputs and outputs if there are several. Tensors: `x` and `y`, `x.0`, `x.1`, … or these names. `ERR_DATA`.
 */
export async function pairsOf(path: string, model: Model): Promise<Pairs> {
  const topology = model.topology()
  const ins = topology.inputs.map(({ call }) => topology.names.get(call.layer) as string)
  const outs = outputNames(topology)
  const read = /\.json$/i.test(path) ? await fromJson(path) : await fromTensors(path)
  const all = (what: 'x' | 'y', names: readonly string[]) =>
    names.map((name, index) => {
      const own = names.length === 1 ? [what] : []
      const found = [...own, `${what}.${index}`, name].flatMap((each) => read(what, each) ?? [])[0]
      if (found) return found
      throw new SeqloomError(
        'ERR_DATA',
        `--check: ${visible(path)} has no ${what === 'x' ? 'input' : 'output'} '${names.length === 1 ? what : name}'`,
      )
    })
  return { inputs: all('x', ins), outputs: all('y', outs) }
}

type Read = (what: 'x' | 'y', name: string) => Values | undefined

async function fromJson(path: string): Promise<Read> {
  let parsed: unknown
  try {
    parsed = JSON.parse((await readNamed(path)).toString('utf8'))
  } catch (cause) {
    if (cause instanceof SeqloomError) throw cause
    throw new SeqloomError('ERR_DATA', `--check: ${visible(path)} is no JSON`, { cause })
  }
  if (!isRecord(parsed)) throw new SeqloomError('ERR_DATA', `--check: ${visible(path)} is no object with x and y`)
  const whole = parsed
  return (what, name) => {
    const side = whole[what]
    const value = isRecord(side) ? side[name] : name === what ? side : whole[name]
    return value === undefined ? undefined : nested(path, value)
  }
}

/** Nested arrays of equal lengths as a tensor; whole numbers as tokens, which layers of numbers take as well. */
function nested(path: string, value: unknown): Values {
  const shape: number[] = []
  let flat: unknown[] = [value]
  while (flat.every((each) => Array.isArray(each))) {
    const lengths = new Set((flat as unknown[][]).map(({ length }) => length))
    if (lengths.size !== 1) break
    shape.push([...lengths][0] as number)
    flat = (flat as unknown[][]).flat()
  }
  if (!flat.every((each) => typeof each === 'number')) {
    throw new SeqloomError('ERR_DATA', `--check: ${visible(path)} has arrays of different lengths, or no numbers`)
  }
  const numbers = flat as number[]
  return numbers.every(Number.isInteger)
    ? tensor(Int32Array.from(numbers), shape)
    : tensor(Float32Array.from(numbers), shape)
}

async function fromTensors(path: string): Promise<Read> {
  const source = await Source.open('--check', path)
  try {
    const tensors = new Map<string, Values>()
    const format = await formatOf(source).catch((cause: unknown) => {
      if (!(cause instanceof SeqloomError) || cause.code !== 'ERR_FORMAT') throw cause
      const message = `--check: ${visible(path)} is neither JSON (a name that ends in .json) nor a file of tensors (.safetensors, .pt, .pth) with x and y`
      throw new SeqloomError('ERR_FORMAT', message, { cause })
    })
    for (const [name, stored] of await format.read(source)) {
      tensors.set(name, tensor(await wholeOf(source.where, stored), stored.shape))
    }
    return (_, name) => tensors.get(name)
  } finally {
    await source.close()
  }
}
