//! What a word is: scripts, emoji, marks, numbers.

use seqloom_text::{EncodeOptions, Tokenizer, TrainOptions, Unit};

fn words(text: &str) -> Vec<String> {
    let options = TrainOptions { lowercase: false, ..TrainOptions::new(Unit::Word) };
    let trained = Tokenizer::train(Unit::Word, &[text], &options).unwrap();
    // A loaded tokenizer cuts as the one that was trained.
    let tokenizer = Tokenizer::from_json(&trained.to_json().unwrap()).unwrap();
    let encoded = tokenizer.encode_batch(&[text], &EncodeOptions::default()).unwrap();
    encoded.ids.iter().map(|&id| tokenizer.id_to_token(id as u32).unwrap()).collect()
}

#[test]
fn emoji_are_words_with_what_changes_them() {
    assert_eq!(words("great👍"), ["great", "👍"]);
    assert_eq!(words("👍🏽👍 ok👌🏿!"), ["👍🏽", "👍", "ok", "👌🏿", "!"]);
    assert_eq!(words("a👨‍👩‍👧‍👦b 🏳️‍🌈"), ["a", "👨‍👩‍👧‍👦", "b", "🏳️‍🌈"]);
    assert_eq!(words("🇫🇷🇩🇪 ❤️"), ["🇫🇷", "🇩🇪", "❤️"]);
    assert_eq!(words("1️⃣ and 2"), ["1️⃣", "and", "2"]);
    assert_eq!(words("Step1️⃣ 12️⃣x #️⃣3"), ["Step", "1️⃣", "1", "2️⃣", "x", "#️⃣", "3"]);
    assert_eq!(words("😂😂😂"), ["😂", "😂", "😂"]);
    assert_eq!(words("5€ a→b ©2024"), ["5", "€", "a", "→", "b", "©", "2024"]);
}

#[test]
fn scripts_without_spaces_are_cut_by_character() {
    assert_eq!(words("中文です。カメラー"), ["中", "文", "で", "す", "。", "カ", "メ", "ラ", "ー"]);
    assert_eq!(words("abcไทย123"), ["abc", "ไ", "ท", "ย", "123"]);
    assert_eq!(words("ภาษาที่"), ["ภ", "า", "ษ", "า", "ที่"]);
    assert_eq!(words("ລາວ"), ["ລ", "າ", "ວ"]);
    assert_eq!(words("ខ្មែរ"), ["ខ្", "មែ", "រ"]);
    assert_eq!(words("မြန်မာ"), ["မြ", "န်", "မာ"]);
    assert_eq!(words("が"), ["が"]);
    assert_eq!(words("ꦗꦮ ᬩᬮᬶ"), ["ꦗ", "ꦮ", "ᬩ", "ᬮᬶ"]);
    assert_eq!(words("ᨣᩣᩴ ꪎꪳ ꆈꌠ ㄅㄆ"), ["ᨣᩣᩴ", "ꪎꪳ", "ꆈ", "ꌠ", "ㄅ", "ㄆ"]);
}

#[test]
fn words_keep_their_marks() {
    assert_eq!(words("हिन्दी में, தமிழ்"), ["हिन्दी", "में", ",", "தமிழ்"]);
    assert_eq!(words("e\u{301}te\u{301} naïve"), ["été", "naïve"]);
    assert_eq!(words("한국어 텍스트"), ["한국어", "텍스트"]);
    assert_eq!(words("می\u{200c}خواهم عَرَبِيّ"), ["می\u{200c}خواهم", "عَرَبِيّ"]);
    assert_eq!(words("co\u{ad}op\u{feff} \u{200e}left"), ["coop", "left"]);
}

#[test]
fn words_are_the_same_however_their_letters_and_marks_are_written() {
    let options = TrainOptions::new(Unit::Word);
    let tokenizer = Tokenizer::train(Unit::Word, &["café 한"], &options).unwrap();
    let texts = ["café 한", "cafe\u{301} \u{1112}\u{1161}\u{11ab}"];
    let encoded = tokenizer.encode_batch(&texts, &EncodeOptions::default()).unwrap();
    let (composed, apart) = encoded.ids.split_at(encoded.lengths[0] as usize);
    assert_eq!(composed, apart);
    // Long texts are cut into parts, never between a letter and its marks.
    for repeated in ["e\u{301}", "\u{1112}\u{1161}\u{11ab}", "が か\u{3099}"] {
        let long = repeated.repeat(1 << 16);
        let tokenizer = Tokenizer::train(Unit::Word, &[&long], &options).unwrap();
        let whole = tokenizer.encode_batch(&[&long], &EncodeOptions::default()).unwrap();
        assert!(tokenizer.vocabulary_size() <= 5, "{repeated:?}: {}", tokenizer.vocabulary_size());
        assert!(!whole.ids.contains(&1), "{repeated:?}");
    }
}

#[test]
fn numbers_and_contractions_are_cut_as_before() {
    assert_eq!(
        words("don't 3.14 well-known a_b"),
        ["don", "'", "t", "3", ".", "14", "well", "-", "known", "a", "_", "b"]
    );
}

#[test]
fn tokenizers_saved_before_cut_as_before() {
    let old = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
      "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":false,"lowercase":true},
      "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":null,
      "model":{"type":"WordLevel","vocab":{"[PAD]":0,"[UNK]":1,"great👍":2,"中":3},"unk_token":"[UNK]"}}"#;
    let tokenizer = Tokenizer::from_json(old).unwrap();
    let ids = tokenizer.encode_batch(&["Great👍 中中"], &EncodeOptions::default()).unwrap().ids;
    assert_eq!(ids, [2, 3, 3]);
}

#[test]
fn long_texts_are_cut_where_it_changes_nothing() {
    let line = "The DOG's 中文 great👍🏽  two  spaces\n\n and\ttabs don't ";
    let long = line.repeat(8000);
    for unit in [Unit::Word, Unit::Character, Unit::Subword] {
        let tokenizer = Tokenizer::train(unit, &[line], &TrainOptions::new(unit)).unwrap();
        let one = tokenizer.encode_batch(&[&line.repeat(40)], &EncodeOptions::default()).unwrap().ids;
        let all = tokenizer.encode_batch(&[&long], &EncodeOptions::default()).unwrap();
        let repeated = tokenizer.encode_batch(&[line.repeat(1000)], &EncodeOptions::default()).unwrap().ids;
        assert_eq!(one.repeat(200).len(), all.ids.len());
        assert_eq!(repeated.repeat(8), all.ids);
        assert_eq!(all.lengths, [all.ids.len() as u32]);
        let cut = tokenizer.with_max_length(Some(7)).unwrap();
        assert_eq!(cut.encode_batch(&[&long], &EncodeOptions::default()).unwrap().ids, all.ids[..7]);
    }
}

#[test]
fn what_users_write_is_text() {
    let text = "[PAD] and [UNK] <s>";
    for unit in [Unit::Word, Unit::Character, Unit::Subword] {
        let trained = Tokenizer::train(unit, &[text], &TrainOptions::new(unit)).unwrap();
        for tokenizer in [Tokenizer::from_json(&trained.to_json().unwrap()).unwrap(), trained] {
            let ids = tokenizer.encode_batch(&[text], &EncodeOptions::default()).unwrap().ids;
            assert!(ids.iter().all(|&id| id > 1), "{unit:?}: {ids:?}");
            if unit != Unit::Word {
                assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
            }
        }
    }
}
