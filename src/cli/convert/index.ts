import { stat } from 'node:fs/promises'
import { configure } from '../../engine.js'
import { SeqloomError, visible } from '../../errors.js'
import { isThere } from '../../files.js'
import { countValues } from '../../model/weights.js'
import { pathOf } from '../../path.js'
import { note, print, printJson } from '../output.js'
import { table } from '../table.js'
import { pairsOf } from './check.js'
import { checkFlags, formatFor, formatOf, type Loaded, type LoadFlags, type ModelFormat } from './formats.js'
import { difference, outputsOf, sampleFor } from './sample.js'

/** The flags of `seqloom convert`. */
export interface ConvertFlags extends LoadFlags {
  readonly format?: string
  readonly check?: string
  readonly tolerance: number
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

/** A difference of outputs, and what was compared. */
interface Compared {
  readonly what: string
  readonly difference: number
}

/**
 * Reads a model of any format and writes it in another one. Prints what each layer is in both, and the largest
 * difference on a sample: of the file that was written, read again, and of other runtimes where they are installed.
 */
export async function convert(fromGiven: string, toGiven: string, flags: ConvertFlags): Promise<void> {
  if (flags.threads !== undefined) configure({ threads: flags.threads })
  const [from, to] = [pathOf('FROM', fromGiven), pathOf('TO', toGiven)]
  const target = formatFor(to, flags.format)
  await checkFree(to, target, flags.force)
  const origin = await formatOf(from)
  checkFlags(from, origin, flags)
  const read = await origin.load(from, flags)
  const { model } = read
  // Before anything is written, so that a wrong model replaces nothing.
  const checked = flags.check === undefined ? undefined : await checkedBy(flags.check, model, flags.tolerance)
  const sample = sampleFor(model)
  const ours = await outputsOf(model, sample)
  const compared: Compared[] = []
  const compare = async (what: string, theirs: Promise<Parameters<typeof difference>[1]>) => {
    await theirs.then(
      (outputs) => compared.push({ what, difference: difference(ours, outputs) }),
      (error) => note(`seqloom: ${what} was not compared: ${visible(String(error?.message ?? error))}`),
    )
  }
  const theirs = origin.runtime?.()
  if (theirs) await compare(`${from} by ${theirs.name}`, theirs.run(from, sample, flags.constants))
  await target.save(model, to)
  const layers = layersOf(read)
  const again = target.again?.(model) ?? (async (path: string) => (await target.load(path, {})).model)
  // Large models are there once.
  model.dispose()
  await compare(
    `${to}, read again`,
    again(to).then(async (written) => {
      const outputs = await outputsOf(written, sample)
      written.dispose()
      return outputs
    }),
  )
  const other = target.runtime?.()
  if (other) await compare(`${to} by ${other.name}`, other.run(to, sample))
  show({ from, to, origin, target, layers, compared, checked }, flags.json)
}

/**
 * `ERR_IO` if something is there that would be replaced. A folder may hold the user's files beside a model, but none is
 * replaced by a file.
 */
async function checkFree(to: string, { endings, place = (path) => path }: ModelFormat, force: boolean): Promise<void> {
  if (endings.length > 0 && place(to) === to && (await stat(to).catch(() => undefined))?.isDirectory()) {
    throw new SeqloomError('ERR_IO', `'${visible(to)}' is a folder; what is written is a file`)
  }
  if (!force && (await isThere(place(to)))) {
    throw new SeqloomError('ERR_IO', `'${visible(to)}' exists; --force replaces it`)
  }
}

/** The largest difference from the outputs of a file. `ERR_DATA` if it is larger than `tolerance`. */
async function checkedBy(path: string, model: Loaded['model'], tolerance: number): Promise<Compared> {
  const { inputs, outputs } = await pairsOf(path, model)
  const made = await outputsOf(model, inputs).catch((cause: unknown) => {
    if (!(cause instanceof SeqloomError) || cause.code === 'ERR_MEMORY') throw cause
    throw new SeqloomError('ERR_DATA', `--check: what is in ${visible(path)} is no input: ${cause.message}`, { cause })
  })
  const found = difference(made, outputs)
  if (found <= tolerance) return { what: path, difference: found }
  const how = Number.isFinite(found) ? `differ by up to ${found.toPrecision(3)}` : 'have another size'
  throw new SeqloomError('ERR_DATA', `--check: the outputs ${how} from those of ${visible(path)}; nothing was written`)
}

interface Converted {
  readonly from: string
  readonly to: string
  readonly origin: ModelFormat
  readonly target: ModelFormat
  readonly layers: readonly ConvertedLayer[]
  readonly compared: readonly Compared[]
  readonly checked: Compared | undefined
}

/** A layer with its names in both files. */
interface ConvertedLayer {
  readonly from: string
  readonly type: string
  readonly parameters: number
  readonly to: string
}

function layersOf({ model, names = {} }: Loaded): ConvertedLayer[] {
  const topology = model.topology()
  const { specs } = model.engine
  return topology.layers
    .filter(({ className }) => className !== 'InputLayer')
    .map((layer) => {
      const name = topology.names.get(layer) as string
      const own = specs.filter((each) => each.name.startsWith(`${name}/`))
      return { from: names[name] ?? name, type: layer.className, parameters: countValues(own), to: name }
    })
}

function show(done: Converted, json: boolean): void {
  const { from, to, origin, target, layers, compared, checked } = done
  if (json) {
    printJson({
      ...{ from: { path: from, format: origin.name }, to: { path: to, format: target.name }, layers },
      ...{ differences: compared, ...(checked && { check: checked }) },
    })
    return
  }
  const rows = layers.map(({ from, type, parameters, to }) => [from, type, parameters.toLocaleString('en-US'), to])
  print(table([[`from ${origin.name}`, 'layer', 'parameters', `to ${target.name}`], ...rows]))
  for (const { what, difference } of [...compared, ...(checked ? [checked] : [])]) {
    print(`largest difference from ${what}: ${difference === 0 ? '0' : difference.toPrecision(3)}`)
  }
}
