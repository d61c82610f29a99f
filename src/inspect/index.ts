// What a network does with its data. Names are the public ones: `inspect.states`, `inspect.saliency`.

export type { ShownTokens } from './colouredText.js'
export { type GradientFlow, gradientFlow } from './gradientFlow.js'
export { type Saliency, type SaliencyOptions, saliency } from './saliency.js'
export { type LayerStates, type StatesOptions, states } from './states.js'
