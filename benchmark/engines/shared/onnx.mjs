// Writes ONNX models of one recurrent operator in protobuf's wire format; field numbers are those of onnx.proto.
import { values } from './serve.mjs'

const gates = { lstm: 4, gru: 3, rnn: 1 }
const float = 1

const varint = (value) => (value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))])
const integer = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)])
const bytes = (field, data) => Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(data.length)]), data])
const string = (field, text) => bytes(field, Buffer.from(text))
const message = (field, ...parts) => bytes(field, Buffer.concat(parts))

const initializer = (name, shape, phase) => {
  const data = values(
    shape.reduce((product, size) => product * size),
    phase,
  ).map((value) => value / 8)
  const dims = shape.map((size) => integer(1, size))
  return message(5, ...dims, integer(2, float), string(8, name), bytes(9, Buffer.from(data.buffer)))
}

const valueInfo = (field, name, shape) => {
  const dims = shape.map((size) => message(1, integer(1, size)))
  return message(field, string(1, name), message(2, message(1, integer(1, float), message(2, ...dims))))
}

const attribute = (name, value) => message(5, string(1, name), integer(3, value), integer(20, 2))

/**
 * One step of a layer at batch 1: inputs `X` [1, 1, input] and the states, outputs the states after the step, each
 * [1, 1, hidden]. Returns the model's bytes and the names of its states, as inputs and as outputs.
 */
export function stepModel(kind, input, hidden) {
  const states = kind === 'lstm' ? ['h', 'c'] : ['h']
  const before = states.map((state) => `initial_${state}`)
  const after = states.map((state) => `Y_${state}`)
  const rows = gates[kind] * hidden
  // Empty names leave out the lengths, and the outputs of all steps.
  const node = message(
    1,
    ...['X', 'W', 'R', 'B', '', ...before].map((name) => string(1, name)),
    ...['', ...after].map((name) => string(2, name)),
    string(4, kind.toUpperCase()),
    attribute('hidden_size', hidden),
    ...(kind === 'gru' ? [attribute('linear_before_reset', 1)] : []),
  )
  const graph = message(
    7,
    node,
    string(2, kind),
    initializer('W', [1, rows, input], 1),
    initializer('R', [1, rows, hidden], 2),
    initializer('B', [1, 2 * rows], 3),
    valueInfo(11, 'X', [1, 1, input]),
    ...before.map((name) => valueInfo(11, name, [1, 1, hidden])),
    ...after.map((name) => valueInfo(12, name, [1, 1, hidden])),
  )
  const opset = message(8, string(1, ''), integer(2, 14))
  return { bytes: Buffer.concat([integer(1, 9), graph, opset]), before, after }
}
