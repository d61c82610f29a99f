import { InvalidArgumentError, Option } from 'commander'
import * as interop from '../../interop/index.js'
import type { Model } from '../../model/model.js'
import { dimensions } from '../../options.js'

/** The flags of what an ONNX file leaves open. */
export interface OnnxFlags {
  readonly constants?: Readonly<Record<string, interop.InputConstant>>
  readonly inputShapes?: Readonly<Record<string, readonly (number | null)[]>>
}

/** Adds `input=value` to what was given before, the value read as JSON. */
const named =
  <T>(isRight: (value: unknown) => boolean, example: string, around = (text: string) => text) =>
  (text: string, before: Readonly<Record<string, T>> = {}): Record<string, T> => {
    const at = text.lastIndexOf('=')
    let value: unknown
    try {
      value = JSON.parse(around(text.slice(at + 1)))
    } catch {
      // Told below.
    }
    if (at < 1 || !isRight(value)) throw new InvalidArgumentError(`It must be an input and ${example}.`)
    return { ...before, [text.slice(0, at)]: value as T }
  }

const isConstant = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || Array.isArray(value)

/** The options of {@link OnnxFlags}. */
export const onnxFlags = (): Option[] => [
  new Option(
    '--constants <input=value>',
    'from ONNX: what an input is fixed to, as JSON, such as sr=16000; may be repeated',
  ).argParser(named<interop.InputConstant>(isConstant, 'a number or arrays of numbers such as sr=16000')),
  new Option(
    '--input-shapes <input=sizes>',
    'from ONNX: sizes of an input that the file leaves open, such as x=null,576; may be repeated',
  ).argParser(
    named<readonly (number | null)[]>(
      dimensions.accepts,
      'its sizes such as x=null,576',
      (text) => `[${text.replace(/^\s*\[|\]\s*$/g, '')}]`,
    ),
  ),
]

/** The model of an ONNX file. */
export const onnxModel = async (path: string, { constants, inputShapes }: OnnxFlags): Promise<{ model: Model }> => ({
  model: (await interop.loadOnnx(path, { constants, inputShapes })) as unknown as Model,
})
