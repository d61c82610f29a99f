// What the site has, in the order of its sidebar. Pages are named by their place in the site, without the ending.

/** The headings of the sidebar with their pages. `guide/…` are the sections of docs/guide.md, which may not be left out. */
export const contents = [
  { text: 'Start', pages: ['start', 'about'] },
  {
    text: 'Learn recurrent networks',
    pages: [
      'learn/order',
      'learn/cell',
      'learn/embeddings',
      'learn/through-time',
      'learn/vanishing-gradients',
      'learn/lstm',
      'learn/gru',
      'learn/bidirectional',
      'learn/layers',
      'learn/classification',
      'learn/generation',
      'learn/translation',
      'learn/grid-lstm',
      'learn/show-attend-tell',
    ],
  },
  {
    text: 'Guides: data and models',
    pages: [
      'guide/data',
      'guide/data-as-a-stream',
      'guide/models',
      'guide/training',
      'guide/cells-of-your-own',
      'guide/layers-losses-and-metrics-of-your-own',
      'guide/language-models',
      'guide/streaming',
      'guide/saving',
      'guide/models-with-int8-weights',
      'watching',
    ],
  },
  {
    text: 'Guides: tasks',
    pages: ['guide/tasks', 'guide/translation', 'guide/captions', 'guide/transcription'],
  },
  {
    text: 'Guides: in service',
    pages: ['deployment', 'platforms', 'performance', 'guide/threads-and-instruction-sets', 'reliability'],
  },
  { text: 'Coming from', pages: ['from-keras', 'from-pytorch', 'from-tfjs', 'onnx'] },
  {
    text: 'Reference',
    pages: [
      'api/index',
      'commands',
      'options',
      'guide/files-of-the-commands',
      'formats',
      'errors',
      'guide/limits',

      'parity',
    ],
  },
  { text: 'The project', pages: ['changelog', 'architecture', 'contributing', 'benchmark', 'security'] },
]

/** Documents outside docs that are pages, too. */
export const documents = {
  'README.md': 'about.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
  'benchmark/README.md': 'benchmark.md',
}
