//! Vocabularies, encoding and decoding, and what happens with bad files.

use proptest::prelude::*;
use seqloom_text::{Code, EncodeOptions, Tokenizer, TrainOptions, Unit};

const TEXTS: [&str; 3] = ["The cat, the DOG.", "the cat's 42 mice!", "Être 中文 或 être"];

fn words() -> Tokenizer {
    Tokenizer::train(Unit::Word, &TEXTS, &TrainOptions::new(Unit::Word)).unwrap()
}

fn characters() -> Tokenizer {
    Tokenizer::train(Unit::Character, &TEXTS, &TrainOptions::new(Unit::Character)).unwrap()
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<i32> {
    tokenizer.encode_batch(&[text], &EncodeOptions::default()).unwrap().ids
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    encode(tokenizer, text).iter().map(|&id| tokenizer.id_to_token(id as u32).unwrap()).collect()
}

#[test]
fn a_vocabulary_begins_with_padding_and_unknown_and_falls_in_frequency() {
    let vocabulary = words().vocabulary();
    let names: Vec<&str> = vocabulary.iter().map(|(token, _)| token.as_str()).collect();
    assert_eq!(names[..6], ["[PAD]", "[UNK]", "the", "cat", "être", "!"]);
    assert!(vocabulary.iter().enumerate().all(|(at, (_, id))| at == *id as usize));
    assert_eq!(words().vocabulary_size(), vocabulary.len());
    assert_eq!((words().padding_id(), words().unknown_id()), (Some(0), Some(1)));
    assert_eq!((characters().padding_id(), characters().unknown_id()), (Some(0), Some(1)));
}

#[test]
fn words_split_at_spaces_marks_and_chinese_characters() {
    let text = "The DOG's\tcat,\u{7}\n42 中文 zebra [PAD]";
    assert_eq!(
        tokens(&words(), text),
        ["the", "dog", "'", "s", "cat", ",", "42", "中", "文", "[UNK]", "[UNK]", "[UNK]", "[UNK]"]
    );
}

#[test]
fn case_is_kept_on_request() {
    let options = TrainOptions { lowercase: false, ..TrainOptions::new(Unit::Word) };
    let tokenizer = Tokenizer::train(Unit::Word, &TEXTS, &options).unwrap();
    assert_eq!(tokens(&tokenizer, "The the DOG dog"), ["The", "the", "DOG", "[UNK]"]);
    let options = TrainOptions { lowercase: true, ..TrainOptions::new(Unit::Character) };
    let tokenizer = Tokenizer::train(Unit::Character, &TEXTS, &options).unwrap();
    assert_eq!(tokens(&tokenizer, "D"), ["d"]);
}

#[test]
fn rare_tokens_and_those_beyond_the_size_are_unknown() {
    let options = TrainOptions { min_frequency: 2, ..TrainOptions::new(Unit::Word) };
    let tokenizer = Tokenizer::train(Unit::Word, &TEXTS, &options).unwrap();
    assert_eq!(tokens(&tokenizer, "the cat dog être"), ["the", "cat", "[UNK]", "être"]);
    let options = TrainOptions { max_vocabulary: Some(3), ..TrainOptions::new(Unit::Word) };
    let tokenizer = Tokenizer::train(Unit::Word, &TEXTS, &options).unwrap();
    assert_eq!(tokens(&tokenizer, "the cat"), ["the", "[UNK]"]);
}

#[test]
fn characters_come_back_exactly() {
    let tokenizer = characters();
    let text = TEXTS.concat();
    assert_eq!(tokenizer.decode(&encode(&tokenizer, &text), true).unwrap(), text);
    let long = text.repeat(2000);
    assert_eq!(tokenizer.decode(&encode(&tokenizer, &long), true).unwrap(), long);
    assert_eq!(tokens(&tokenizer, "t\u{10348}h"), ["t", "[UNK]", "h"]);
}

#[test]
fn words_decode_without_padding() {
    let tokenizer = words();
    let the = tokenizer.token_to_id("the").unwrap() as i32;
    assert_eq!(tokenizer.decode(&[0, the, 1, 0, 0], true).unwrap(), "the [UNK]");
    let error = tokenizer.decode(&[the, -1], true).unwrap_err();
    assert_eq!(error.code, Code::Data);
    assert!(error.message.contains("-1 at position 1"), "{error}");
    assert_eq!(tokenizer.decode(&[99_999], true).unwrap_err().code, Code::Data);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let texts: Vec<String> = (0..500).map(|i| TEXTS[i % 3].repeat(i % 7)).collect();
    let train = |threads| {
        let options = TrainOptions { threads, ..TrainOptions::new(Unit::Word) };
        Tokenizer::train(Unit::Word, &texts, &options).unwrap()
    };
    assert_eq!(train(1).vocabulary(), train(3).vocabulary());
    let encode = |threads| {
        words().encode_batch(&texts, &EncodeOptions { threads, ..EncodeOptions::default() }).unwrap()
    };
    let one = encode(1);
    assert_eq!(one, encode(5));
    assert_eq!(one.lengths.len(), 500);
    assert_eq!(one.lengths.iter().sum::<u32>() as usize, one.ids.len());
}

#[test]
fn empty_texts_are_empty_or_filled() {
    let texts = ["", "the", " "];
    assert_eq!(words().encode_batch(&texts, &EncodeOptions::default()).unwrap().lengths, [0, 1, 0]);
    let filled = words()
        .encode_batch(&texts, &EncodeOptions { fill_empty: true, ..EncodeOptions::default() })
        .unwrap();
    assert_eq!((filled.ids, filled.lengths), (vec![1, 2, 1], vec![1, 1, 1]));
}

#[test]
fn a_saved_tokenizer_encodes_alike() {
    for tokenizer in [words(), characters()] {
        let cut = tokenizer.with_max_length(Some(4)).unwrap();
        let again = Tokenizer::from_json(&cut.to_json().unwrap()).unwrap();
        assert_eq!(encode(&again, TEXTS[0]), encode(&tokenizer, TEXTS[0])[..4]);
        assert_eq!(again.vocabulary(), tokenizer.vocabulary());
        assert_eq!(again.max_length(), Some(4));
        assert_eq!(again.with_max_length(None).unwrap().max_length(), None);
        assert_eq!((again.padding_id(), again.unknown_id()), (Some(0), Some(1)));
        assert_eq!(again.to_json().unwrap(), cut.to_json().unwrap());
    }
}

/// A small WordPiece file in the shape that `bert-base` publishes.
fn bert() -> String {
    r###"{"version":"1.0","truncation":null,"padding":{"strategy":{"Fixed":64},"direction":"Right",
      "pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"},
     "added_tokens":[{"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
       {"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
     "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
     "pre_tokenizer":{"type":"BertPreTokenizer"},
     "post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},
     "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
     "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
       "vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"play":4,"##ing":5,"##ed":6}}}"###
        .to_owned()
}

#[test]
fn files_of_others_are_read_with_their_special_tokens() {
    let tokenizer = Tokenizer::from_json(&bert()).unwrap();
    assert_eq!(encode(&tokenizer, "Playing played x"), [2, 4, 5, 4, 6, 1, 3]);
    assert_eq!(tokenizer.decode(&[2, 4, 5, 3, 0, 0], true).unwrap(), "playing");
    let cut = tokenizer.with_max_length(Some(4)).unwrap();
    assert_eq!(encode(&cut, "Playing played"), [2, 4, 5, 3]);
    assert!(cut.to_json().unwrap().contains("\"Fixed\": 64"));
    let plain = EncodeOptions { special_tokens: false, ..EncodeOptions::default() };
    assert_eq!(tokenizer.encode_batch(&["play"], &plain).unwrap().ids, [4]);
}

#[test]
fn a_length_without_room_is_refused() {
    let tokenizer = Tokenizer::from_json(&bert()).unwrap();
    for length in [0, 1, 2] {
        assert_eq!(tokenizer.with_max_length(Some(length)).unwrap_err().code, Code::Option);
        let truncation = format!(
            r#""truncation":{{"direction":"Right","max_length":{length},"strategy":"LongestFirst","stride":0}}"#
        );
        let file = bert().replace(r#""truncation":null"#, &truncation);
        assert_eq!(Tokenizer::from_json(&file).unwrap_err().code, Code::Format);
    }
    assert!(tokenizer.with_max_length(Some(3)).is_ok());
}

#[test]
fn broken_files_are_refused() {
    let huge = bert().replace("\"##ed\":6", "\"##ed\":4294967295");
    for json in ["", "{", "null", "[]", "{\"model\":{}}", "{\"version\":\"9\"}", &huge, &"[".repeat(100_000)]
    {
        let error = Tokenizer::from_json(json).unwrap_err();
        assert_eq!(error.code, Code::Format, "{json:.40}: {error}");
    }
}

#[test]
fn bad_options_and_empty_texts_are_refused() {
    let with = |change: fn(&mut TrainOptions)| {
        let mut options = TrainOptions::new(Unit::Word);
        change(&mut options);
        Tokenizer::train(Unit::Word, &TEXTS, &options).unwrap_err().code
    };
    assert_eq!(with(|options| options.max_vocabulary = Some(2)), Code::Option);
    assert_eq!(with(|options| options.min_frequency = 0), Code::Option);
    assert_eq!(with(|options| options.max_length = Some(0)), Code::Option);
    assert_eq!(with(|options| options.min_frequency = 100), Code::Data);
    let none: [&str; 0] = [];
    let error = Tokenizer::train(Unit::Word, &none, &TrainOptions::new(Unit::Word)).unwrap_err();
    assert_eq!(error.code, Code::Data);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_text_trains_encodes_and_decodes(texts in prop::collection::vec("\\PC{0,40}|(?s).{0,40}", 1..6), other in "(?s).{0,60}") {
        for unit in [Unit::Word, Unit::Character] {
            match Tokenizer::train(unit, &texts, &TrainOptions::new(unit)) {
                Err(error) => prop_assert_eq!(error.code, Code::Data),
                Ok(tokenizer) => {
                    let ids = encode(&tokenizer, &other);
                    prop_assert!(ids.iter().all(|&id| id > 0 && (id as usize) < tokenizer.vocabulary_size()));
                    tokenizer.decode(&ids, true).unwrap();
                    prop_assert!(texts.iter().all(|text| !encode(&tokenizer, text).contains(&1)));
                    if unit == Unit::Character {
                        prop_assert_eq!(&tokenizer.decode(&encode(&tokenizer, &texts[0]), true).unwrap(), &texts[0]);
                    }
                    let again = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
                    prop_assert_eq!(encode(&again, &other), ids);
                }
            }
        }
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0usize..1500, byte in 0u8..128, cut in any::<bool>()) {
        let mut json = bert().into_bytes();
        let at = at % json.len();
        if cut { json.truncate(at) } else { json[at] = byte }
        let json = String::from_utf8(json).unwrap();
        match Tokenizer::from_json(&json) {
            Err(error) => prop_assert_eq!(error.code, Code::Format),
            Ok(tokenizer) => {
                if let Err(error) = tokenizer.encode_batch(&["playing 中 x"], &EncodeOptions::default()) {
                    prop_assert_eq!(error.code, Code::Data);
                }
            }
        }
    }
}
