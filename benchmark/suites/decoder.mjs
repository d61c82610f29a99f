/**
 * Floating-point operations of the decoder's forward pass, its matrix products alone: the memory's keys once, then for each step query,
 * scores, context, and the gates' products with x, context and state.
 */
function decoderFlops({ batch, source, time, hidden }) {
  const step = hidden * hidden + 2 * source * hidden + (3 + 3 + 3) * hidden * hidden
  return 2 * batch * (source * hidden * hidden + time * step)
}

/**
 * The decoder of Bahdanau, Cho and Bengio (arXiv 1409.0473), attention inside of the recurrence, over a given memory: forward, and
 * forward with the gradients of weights, inputs and memory.
 */
export const decoderCases = () =>
  ['infer', 'train'].map((op) => {
    const shape = { kind: 'bahdanau', op, batch: 32, source: 30, time: 30, input: 256, hidden: 256 }
    const flops = decoderFlops(shape)
    return {
      task: 'decoder',
      model: 'Bahdanau decoder (32, 30, 30, 256)',
      ...shape,
      flops: op === 'infer' ? flops : 3 * flops,
    }
  })
