// Asks PyTorch. Names stay ours; optimizers go with all their settings, for defaults differ.
import { seqloom } from '../ours.mjs'
import { startPython } from './python.mjs'

/** An optimizer with its defaults. */
function resolved({ make, options }) {
  const { kind, ...settings } = seqloom.optimizers[make.split('.').at(-1)](options)
  return { make, options: settings }
}

function translated(given) {
  if (given.kind === 'optimizer') return { ...given, optimizer: resolved(given.optimizer) }
  if (!given.training) return given
  return { ...given, training: { ...given.training, optimizer: resolved(given.training.optimizer) } }
}

export async function start() {
  const python = await startPython('pytorch_peer.py', ['torch', 'numpy'])
  return { answer: (given) => python.answer(translated(given)), stop: python.stop }
}
