//! Files that make much of little: everything is bounded and can be stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seqloom_text::{Code, EncodeOptions, Room, Stop, Tokenizer, TrainOptions, Unit};

fn file(normalizer: &str, pre_tokenizer: &str, post_processor: &str, truncation: &str) -> String {
    format!(
        r#"{{"version":"1.0","truncation":{truncation},"padding":null,"added_tokens":[],"normalizer":{normalizer},
        "pre_tokenizer":{pre_tokenizer},"post_processor":{post_processor},"decoder":null,
        "model":{{"type":"BPE","vocab":{{"[UNK]":0,"a":1,"b":2}},"merges":[],"unk_token":"[UNK]"}}}}"#
    )
}

fn template(repeats: usize) -> String {
    let piece = r#"{"Sequence":{"id":"A","type_id":0}}"#;
    format!(
        r#"{{"type":"TemplateProcessing","single":[{}],"pair":[{piece},{{"Sequence":{{"id":"B","type_id":0}}}}],"special_tokens":{{}}}}"#,
        vec![piece; repeats].join(",")
    )
}

const CUT: &str = r#"{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0}"#;

#[test]
fn ids_that_make_a_file_huge_are_refused_in_little_time() {
    for id in ["16777217", "2147483647", "4294967295", "99999999999"] {
        let large = file("null", "null", "null", "null").replace("\"b\":2", &format!("\"b\": {id}"));
        let started = Instant::now();
        let error = Tokenizer::from_json(&large).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(error.code, Code::Format);
        assert!(error.message.ends_with("is above the largest one, 16777216"), "{error}");
    }
    let digits = file("null", "null", "null", "null").replace("\"b\":2", "\": 123456789\":2");
    assert!(Tokenizer::from_json(&digits).is_ok());
}

#[test]
fn many_regular_expressions_are_refused_in_little_time() {
    let large = r#"{"type":"Split","pattern":{"Regex":"\\p{L}{1,20}"},"behavior":"Isolated","invert":false}"#;
    let steps =
        |count: usize| format!(r#"{{"type":"Sequence","pretokenizers":[{}]}}"#, vec![large; count].join(","));
    let started = Instant::now();
    // A key may be written in other ways, and more than once.
    for written in [
        file("null", &steps(357), "null", "null"),
        file("null", &steps(357).replace("Regex", "R\\u0065gex"), "null", "null"),
        file("null", &format!(r#"{},"pre_tokenizer":{}"#, steps(40), steps(40)), "null", "null"),
    ] {
        let error = Tokenizer::from_json(&written).unwrap_err();
        assert_eq!(error.code, Code::Format);
        assert!(error.message.contains("regular expressions; at most 64"), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(Tokenizer::from_json(&file("null", &steps(1), "null", "null")).is_ok());
}

#[test]
fn a_template_that_repeats_the_text_is_cut() {
    let tokenizer = Tokenizer::from_json(&file("null", "null", &template(8), CUT)).unwrap();
    let encoded = tokenizer.encode_batch(&["abababababab"], &EncodeOptions::default()).unwrap();
    assert_eq!(encoded.ids, [1]);
    let uncut = Tokenizer::from_json(&file("null", "null", &template(8), "null")).unwrap();
    assert_eq!(uncut.encode_batch(&["ab"], &EncodeOptions::default()).unwrap().ids, [1, 2].repeat(8));
}

#[test]
fn templates_within_templates_are_refused() {
    let nested = format!(r#"{{"type":"Sequence","processors":[{}]}}"#, vec![template(8); 20].join(","));
    let error = Tokenizer::from_json(&file("null", "null", &nested, "null")).unwrap_err();
    assert_eq!(error.code, Code::Format);
    assert!(error.message.contains("repeats a text"), "{error}");
}

#[test]
fn normalizers_that_let_a_text_grow_are_stopped() {
    let double = r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#;
    let sequence = format!(r#"{{"type":"Sequence","normalizers":[{}]}}"#, vec![double; 60].join(","));
    let wide =
        format!(r#"{{"type":"Replace","pattern":{{"Regex":""}},"content":"{}"}}"#, "b".repeat(100_000));
    for normalizer in [&sequence, &wide] {
        let tokenizer = Tokenizer::from_json(&file(normalizer, "null", "null", "null")).unwrap();
        let error = tokenizer.encode_batch(&["aaaaaaaaaaaa"], &EncodeOptions::default()).unwrap_err();
        assert_eq!(error.code, Code::Data);
        assert!(error.message.contains("text 0: the tokenizer's file makes it longer"), "{error}");
    }
}

#[test]
fn pre_tokenizers_that_let_a_text_grow_are_stopped() {
    let bytes = r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}"#;
    let sequence = format!(r#"{{"type":"Sequence","pretokenizers":[{}]}}"#, vec![bytes; 60].join(","));
    let tokenizer = Tokenizer::from_json(&file("null", &sequence, "null", "null")).unwrap();
    let error = tokenizer.encode_batch(&["éééééééééééé"], &EncodeOptions::default()).unwrap_err();
    assert_eq!(error.code, Code::Data);
}

#[test]
fn decoders_that_let_a_text_grow_are_refused() {
    let double = r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#;
    let decoder = format!(r#"{{"type":"Sequence","decoders":[{}]}}"#, vec![double; 60].join(","));
    let json =
        file("null", "null", "null", "null").replace(r#""decoder":null"#, &format!(r#""decoder":{decoder}"#));
    assert_eq!(Tokenizer::from_json(&json).unwrap_err().code, Code::Format);
}

#[test]
fn long_words_of_word_pieces_are_unknown() {
    let json = r###"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,
      "post_processor":null,"decoder":null,"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
      "max_input_chars_per_word":1000000000,"vocab":{"[UNK]":0,"a":1,"##a":2}}}"###;
    let tokenizer = Tokenizer::from_json(json).unwrap();
    let encode = |text: String| tokenizer.encode_batch(&[text], &EncodeOptions::default()).unwrap().ids;
    assert_eq!(encode("a".repeat(3)), [1, 2, 2]);
    assert_eq!(encode("a".repeat(20_000)), [0]);
}

#[test]
fn encoding_ends_when_it_is_stopped() {
    let texts = vec!["some words, a few of them ".repeat(40_000); 40];
    let tokenizer = Tokenizer::train(Unit::Word, &texts[..1], &TrainOptions::new(Unit::Word)).unwrap();
    let flag = Arc::new(AtomicBool::new(false));
    let options = EncodeOptions { stop: Stop::when(Arc::clone(&flag)), ..EncodeOptions::default() };
    let setter = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        flag.store(true, Ordering::Relaxed);
    });
    let start = Instant::now();
    assert_eq!(tokenizer.encode_batch(&texts, &options).unwrap_err().code, Code::Aborted);
    assert!(start.elapsed() < Duration::from_secs(2));
    setter.join().unwrap();
}

#[test]
fn more_than_there_is_memory_for_is_refused() {
    let tokenizer = Tokenizer::train(Unit::Character, &["ab"], &TrainOptions::new(Unit::Character)).unwrap();
    let options = EncodeOptions { room: Room::asked_of(|bytes| bytes < 1 << 20), ..EncodeOptions::default() };
    let error = tokenizer.encode_batch(&["ab".repeat(1 << 20)], &options).unwrap_err();
    assert_eq!(error.code, Code::Memory);
}
