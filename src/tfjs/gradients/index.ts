// Gradients of functions of tensors, by tfjs's names.
import { describe, SeqloomError } from '../../errors.js'
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { add } from '../ops/arithmetic.js'
import { tidy } from '../ops/op.js'
import { clone } from '../ops/shape.js'
import { arraysEqual } from '../shapes.js'
import { type NamedTensorMap, type Scalar, Tensor, type Variable, variablesByName } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { binaryRules, unaryRules } from './elementwise.js'
import { layoutRules, reductionRules } from './layout.js'
import { differentiate, type Key, keyOf, recordCustom, setRules } from './tape.js'
import { movable, weightsAmong } from './weights.js'

setRules({ ...unaryRules, ...binaryRules, ...layoutRules, ...reductionRules })

/** @inline */
type Values = Tensor | TensorLike

const unconnected =
  'Cannot compute gradient of y=f(x) with respect to x. Make sure that the f you passed encloses all operations that lead from x to y.'

/** The value of a function and its gradients by some tensors. */
function gradientsOf(name: string, f: () => Tensor, xs: readonly Tensor[], dy?: Values | null) {
  const seed = dy === undefined || dy === null ? null : convertToTensor<Tensor>(dy as Tensor, 'dy', name)
  const { value, gradients } = differentiate(f, xs.map(keyOf), add, seed)
  if (seed !== null) {
    check(
      arraysEqual(seed.shape, value.shape),
      'ERR_SHAPE',
      () => `The shape of dy passed in ${name}(f)(x, dy) must match the shape returned by f(x)`,
    )
  }
  const grads = xs.map((x) => {
    const found = gradients.get(keyOf(x))
    check(found !== undefined, 'ERR_DATA', () => unconnected)
    return found === value || found === x ? clone(found) : found
  })
  return { value, grads }
}

function checkFunction(name: string, f: unknown): void {
  check(
    typeof f === 'function',
    'ERR_OPTION',
    () => `The f passed in ${name}(f) must be a function, not ${describe(f)}`,
  )
}

const listed = (name: string, args: readonly Values[]): Tensor[] => {
  check(
    Array.isArray(args),
    'ERR_DATA',
    () => `The args passed in ${name}(f)(args) must be an array of \`Tensor\`s or \`TensorLike\`s`,
  )
  return args.map((each, i) => convertToTensor<Tensor>(each as Tensor, `x${i}`, name))
}

/**
 * The value and the gradients of a function of several tensors: `valueAndGrads(f)([a, b])` gives `{ value, grads }`. The
 * gradients are those of the sum of what `f` gives, or of its product with `dy`.
 */
export function valueAndGrads(
  f: (...args: Tensor[]) => Tensor,
): (args: Values[], dy?: Values) => { grads: Tensor[]; value: Tensor } {
  checkFunction('valueAndGrads', f)
  return (args, dy) =>
    tidy(() => {
      const xs = listed('valueAndGrads', args)
      return gradientsOf('valueAndGrads', () => f(...xs), xs, dy)
    })
}

/** The gradients of a function of several tensors: `grads(f)([a, b])`. */
export function grads(f: (...args: Tensor[]) => Tensor): (args: Values[], dy?: Values) => Tensor[] {
  checkFunction('grads', f)
  return (args, dy) =>
    tidy(() => {
      const xs = listed('grads', args)
      return gradientsOf('grads', () => f(...xs), xs, dy).grads
    })
}

/** The value and the gradient of a function of one tensor: `valueAndGrad(f)(x)` gives `{ value, grad }`. */
export function valueAndGrad<I extends Tensor, O extends Tensor>(
  f: (x: I) => O,
): (x: I, dy?: O) => { value: O; grad: I } {
  checkFunction('valueAndGrad', f)
  return (x, dy) =>
    tidy(() => {
      const $x = convertToTensor<Tensor>(x, 'x', 'valueAndGrad')
      const { value, grads: found } = gradientsOf('valueAndGrad', () => f($x as I), [$x], dy)
      return { value: value as O, grad: found[0] as I }
    })
}

/** The gradient of a function of one tensor: `grad(f)(x)`. Applied twice, it is the second one. */
export function grad(f: (x: Tensor) => Tensor): (x: Values, dy?: Values) => Tensor {
  checkFunction('grad', f)
  return (x, dy) =>
    tidy(() => {
      const $x = convertToTensor<Tensor>(x as Tensor, 'x', 'grad')
      return gradientsOf('grad', () => f($x), [$x], dy).grads[0] as Tensor
    })
}

/**
 * The value of a function and its gradients by variables, and by the weights of models that it calls: those of a list, or
 * all that it depends on and that are trained. The gradients are by name.
 */
export function variableGrads(f: () => Scalar, varList?: Variable[]): { value: Scalar; grads: NamedTensorMap } {
  checkFunction('variableGrads', f)
  check(
    varList === undefined || varList === null || Array.isArray(varList),
    'ERR_OPTION',
    () => 'The varList passed in variableGrads(f, varList) must be an array of variables',
  )
  return tidy(() => {
    const given = (varList ?? [...variablesByName.values()]).map((each) => movable(each as unknown as Tensor))
    const trained = given.filter(({ trainable }) => trainable)
    check(
      !varList || trained.length > 0,
      'ERR_DATA',
      () =>
        `variableGrads() expects at least one of the input variables to be trainable, but none of the ${given.length} variables is trainable.`,
    )
    const wanted = new Map<Key, string>(trained.map(({ key, name }) => [key, name]))
    const { value, gradients } = differentiate(
      f,
      trained.map(({ key }) => key),
      add,
    )
    if (!varList) for (const [key, name] of weightsAmong(gradients.keys())) wanted.set(key, name)
    check(
      value.rank === 0,
      'ERR_SHAPE',
      () => `The f passed in variableGrads(f) must return a scalar, but it returned a rank-${value.rank} tensor`,
    )
    const found: NamedTensorMap = {}
    for (const [key, name] of wanted) {
      const gradient = gradients.get(key)
      if (gradient) found[name] = gradient === value ? clone(gradient) : gradient
    }
    check(
      Object.keys(found).length > 0,
      'ERR_DATA',
      () =>
        'Cannot find a connection between any variable and the result of the loss function y=f(x). Please make sure the operations that use variables are inside the function f passed to minimize().',
    )
    // As in tfjs, variables of the list that are not trained are named, without a gradient.
    for (const { name, trainable } of varList ? given : []) if (!trainable) found[name] = null as never
    return { value: value as Scalar, grads: found }
  })
}

/** What a function with a gradient of its own returns. */
export interface CustomGradient<T extends Tensor = Tensor> {
  value: T
  gradFunc: (dy: T, saved: Tensor[]) => Tensor | Tensor[]
}

/** Keeps tensors for `gradFunc`. */
export type GradSaveFunc = (save: Tensor[]) => void

/**
 * A function whose gradient the program gives: `f` gets tensors and `save`, which keeps tensors for the way back, and
 * returns `{ value, gradFunc }`, where `gradFunc(dy, saved)` gives one gradient for each tensor.
 */
export function customGrad<T extends Tensor = Tensor>(
  f: (...args: (Tensor | GradSaveFunc)[]) => CustomGradient<T>,
): (...args: Tensor[]) => T {
  checkFunction('customGrad', f)
  return (...args) => {
    const wrong = args.find((each) => !(each instanceof Tensor))
    check(
      wrong === undefined,
      'ERR_DATA',
      () => `The args passed in customGrad(f)(x1, x2,...) must all be tensors, not ${describe(wrong)}`,
    )
    const made = (save: GradSaveFunc) => {
      const result = f(...args, save)
      if (!(result?.value instanceof Tensor) || typeof result.gradFunc !== 'function') {
        throw new SeqloomError(
          'ERR_DATA',
          'The function f passed in customGrad(f) must return an object where `obj.value` is a tensor and `obj.gradFunc` is a function.',
        )
      }
      return result as unknown as CustomGradient
    }
    return tidy(() => recordCustom(args, made)) as T
  }
}
