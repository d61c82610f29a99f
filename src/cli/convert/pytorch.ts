import { InvalidArgumentError, Option } from 'commander'
import * as interop from '../../interop/index.js'
import { activationNames } from '../../layers/activations.js'
import { loadModel } from '../../model/index.js'
import type { Loaded } from './formats.js'

/** The flags of what a state dict does not say. */
export interface PyTorchFlags {
  readonly model?: string
  readonly key?: readonly string[]
  readonly mapping?: Readonly<Record<string, string>>
  readonly ignore?: readonly string[]
  readonly pooling?: interop.StackOptions['pooling']
  readonly hiddenActivation?: interop.StackOptions['hiddenActivation']
  readonly outputActivation?: interop.StackOptions['outputActivation']
  readonly rnnActivation?: interop.StackOptions['rnnActivation']
  readonly order?: readonly string[]
}

const list = (text: string): string[] => text.split(',')

/** Reads `lstm=encoder.rnn.l0`, one of several. */
function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be a layer and a module such as lstm=encoder.rnn.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** The options of {@link PyTorchFlags}. */
export const pytorchFlags = (): Option[] => [
  new Option(
    '--model <folder>',
    'from PyTorch: a saved model into which the weights go; default: one is made',
  ).argParser(String),
  new Option(
    '--mapping <layer=module>',
    'from PyTorch, with --model: the module of a layer; may be repeated',
  ).argParser(pair),
  new Option('--key <name>', 'from PyTorch: where the weights are in a checkpoint, such as model_state_dict').argParser(
    list,
  ),
  new Option('--ignore <names>', 'from PyTorch: names, or prefixes of them, that are not needed; a,b').argParser(list),
  new Option('--order <modules>', 'from PyTorch: the modules in the order of their use; a,b,c').argParser(list),
  new Option('--pooling <name>', 'from PyTorch: what becomes of the steps; default: none').choices([
    ...['none', 'lastStep', 'lastState', 'mean', 'max'],
  ]),
  new Option('--hidden-activation <name>', 'from PyTorch: the activation between linear modules').choices([
    ...activationNames,
  ]),
  new Option('--output-activation <name>', 'from PyTorch: the activation of the last linear module').choices([
    ...activationNames,
  ]),
  new Option('--rnn-activation <name>', 'from PyTorch: the nonlinearity of nn.RNN').choices(['tanh', 'relu']),
]

/** A model with the weights of a file of PyTorch: one that was saved before, or one that the file describes. */
export async function pytorchModel(path: string, flags: PyTorchFlags): Promise<Loaded> {
  const given = (names: readonly (keyof PyTorchFlags)[]) =>
    Object.fromEntries(names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])))
  const part = given(['key', 'ignore'])
  const stack = given(['pooling', 'hiddenActivation', 'outputActivation', 'rnnActivation', 'order', 'mapping'])
  if (flags.model === undefined) {
    const { model, mapping } = await interop.loadPyTorch(path, { ...part, ...stack })
    return { model, names: mapping }
  }
  const model = await loadModel(flags.model)
  // Flags of models that are made are refused, as options are.
  const { mapping } = await interop.loadPyTorch(path, { ...part, ...stack, model })
  return { model, names: mapping }
}
