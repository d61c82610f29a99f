import type { StoredTensor } from './format.js'
import type { Found } from './match.js'

/** A module in a file. */
export interface Unit extends Found {
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

const recurrentName = /^(?:(.*)\.)?((?:weight|bias)_(?:ih|hh|hr))(?:_l(\d+)(_reverse)?)?$/s
/** The last projection of an attention is a module of its own there. */
const projectionName = /^(?:(.*)\.)?(out_proj\.(?:weight|bias))$/s
const plainName = /^(?:(.*)\.)?([^.]*)$/s

/** The modules of a file: one for each prefix, and for each layer of a stack of recurrent ones. */
export function unitsOf(tensors: readonly (readonly [string, StoredTensor])[]): Unit[] {
  const modules = new Map<string, Map<string, Map<string, StoredTensor>>>()
  const attentions = new Set(tensors.flatMap(([name]) => /^(.*?)\.?(?:in|q)_proj_weight$/s.exec(name)?.[1] ?? []))
  const names = new Set(tensors.map(([name]) => name))
  for (const [name, tensor] of tensors) {
    // How many batches a batch normalization has seen: it is no weight.
    if (/(?:^|\.)num_batches_tracked$/.test(name) && names.has(name.replace(/[^.]*$/, 'running_mean'))) continue
    // How many models `torch.optim.swa_utils.AveragedModel` is the mean of.
    if (name === 'n_averaged' && isAveraged(names)) continue
    const recurrent = recurrentName.exec(name)
    const attention = projectionName.exec(name)
    const plain = attention && attentions.has(attention[1] ?? '') ? attention : plainName.exec(name)
    const [, prefix = '', parameter = name, layer = '0', reverse = ''] = recurrent ?? plain ?? []
    const stack = modules.get(prefix) ?? new Map<string, Map<string, StoredTensor>>()
    modules.set(prefix, stack)
    // A module of that prefix may have other parameters besides.
    const key = recurrent ? layer : ''
    const own = stack.get(key) ?? new Map<string, StoredTensor>()
    stack.set(key, own)
    own.set(parameter + reverse, tensor)
  }
  return [...modules].flatMap(([prefix, stack]) =>
    [...stack].map(([layer, own]): Unit => {
      const numbered = layer !== '' && (stack.size > 1 || prefix === '')
      const name = numbered ? [...(prefix ? [prefix] : []), `l${layer}`].join('.') : prefix
      return { name, shapes: Object.fromEntries([...own].map(([key, { shape }]) => [key, shape])), tensors: own }
    }),
  )
}

/** Whether all else belongs to the module of an averaged model. */
const isAveraged = (names: ReadonlySet<string>): boolean =>
  names.size > 1 && [...names].every((name) => name === 'n_averaged' || name.startsWith('module.'))

/** The name of a parameter in a file: recurrent ones say which layer of a stack they are of. */
export function nameOf(module: string, parameter: string): string {
  const recurrent = /^((?:weight|bias)_(?:ih|hh|hr))(_reverse)?$/.exec(parameter)
  if (!recurrent) return module === '' ? parameter : `${module}.${parameter}`
  const [, prefix = module, layer = '0'] = /^(?:(.*)\.)?l(\d+)$/s.exec(module) ?? []
  const own = /^l\d+$/.test(module) ? '' : prefix
  return `${own === '' ? '' : `${own}.`}${recurrent[1]}_l${layer}${recurrent[2] ?? ''}`
}
