# 日本語のページ。です・ます調で、短い文にする。
#
# 用語: sign in = サインイン · sign out = サインアウト · account = アカウント · app = アプリ · device = デバイス ·
# access = アクセス · allow / deny = 許可 / 拒否 · operator = 運営者 · remove = 取り消す

language-name = 日本語
languages = 言語

## Signing in

sign-in = サインイン
sign-in-confirm = ご本人の確認
continue-to = { $app } に進みます
username = ユーザー名
password = パスワード
wrong-credentials = ユーザー名またはパスワードが正しくありません。
wrong-credentials-advice = 両方を確認して、もう一度お試しください。
sign-in-busy = 現在サインインできません。
sign-in-busy-advice = 1 分ほど待ってから、もう一度お試しください。
too-many-attempts = 試行回数が多すぎます。
try-again-in-minutes = { $count } 分後にもう一度お試しください。
try-again-in-hours = { $count } 時間後にもう一度お試しください。
password-busy = 現在パスワードを確認できません。
form-stale = このページは古くなっていました。
sign-in-stale-advice = パスワードをもう一度入力してください。繰り返される場合は、このサイトの Cookie を許可してください。

## Errors

error-form-stale = このフォームは古くなっています
error-form-stale-advice = 何も変更されていません。前のページに戻って再読み込みし、もう一度お試しください。
error-no-interaction = このサインインは期限切れです
error-no-interaction-advice = 開始から時間が経ちすぎているか、別のブラウザーで開始されました。アプリに戻って、最初からやり直してください。
error-no-device = このデバイスはもう待機していません
error-no-device-advice = 要求から時間が経ちすぎているか、別のブラウザーでコードが入力されました。デバイスで最初からやり直してください。
error-not-found = ここには何もありません
error-not-found-advice = アドレスが間違っているか、ページが移動した可能性があります。
error-unavailable = ただいま応答できません
error-unavailable-advice = しばらくしてから、もう一度お試しください。
error-too-many = 試行回数が多すぎます
error-too-many-advice = 少し待ってから、もう一度お試しください。
error-internal = こちらで問題が発生しました
error-internal-advice = お客様の操作が原因ではありません。繰り返される場合は、下の参照番号を運営者にお知らせください。
error-request = アプリから受け付けられない要求が送られました
error-request-advice = サインインは行われず、情報も共有されていません。アプリに戻ってください。繰り返される場合は、アプリの運営者にお知らせください。
error-logout-advice = アプリは、サインアウトした後に未登録のアドレスへ移動するよう求めたため、何も行われませんでした。このサーバーのページからは引き続きサインアウトできます。
error-reference = お問い合わせの際は { $reference } をお伝えください

for-developers = アプリの開発者の方へ
hint-client-id-missing = 認可リクエストに client_id を付けて送信してください。
hint-client-unknown = この client_id を持つ利用可能なクライアントはありません。登録したものと照らし合わせてください。
hint-redirect-uri-missing = redirect_uri を送信してください。クライアントに登録済みのもののいずれかです。
hint-redirect-uri-unregistered = redirect_uri は、登録済みのものと一字一句同じでなければなりません。ループバックアドレス (http://127.0.0.1、http://[::1]、http://localhost) のポートだけは異なってもかまいません。
hint-post-logout-redirect-uri-unregistered = post_logout_redirect_uri は、登録済みのものと一字一句同じでなければなりません。ループバックアドレスのポートだけは異なってもかまいません。
hint-parameter-repeated = 各パラメーターは一度だけ送信してください。
hint-parameter-malformed = パラメーターは、NUL を含まない UTF-8 をパーセントエンコードして送信してください。
hint-request = RFC 6749 の 4.1.1 節と要求を照らし合わせてください。

## What apps say about themselves

app-unchecked = このアプリは自ら登録したもので、このサービスの運営者は確認していません。上のアドレスに心当たりがある場合にのみ続けてください。
app-website = アプリについて
app-policy = プライバシーポリシー
app-terms = 利用規約
your-apps = アプリ一覧
open-app = 開く
## The front page, and signing out

welcome = ようこそ
welcome-lead = { $product } を利用するアプリ共通のアカウントです。ここでサインインするか、アプリを開いてここに移動してください。
signed-in = サインインしています
signed-in-lead = { $product } を利用するアプリは、パスワードをもう一度たずねることなくお客様を認識できます。
your-account = アカウント
manage-account = アカウントを管理
sign-out = サインアウト
sign-out-question = サインアウトしますか?
sign-out-lead = 次にアプリからここに移動したときは、パスワードが必要になります。
sign-out-for = { $app } がサインアウトを求めています
sign-out-return = その後、{ $host } に戻ります。
sign-out-unasked = 心当たりがない場合は、このページを閉じてください。サインインしたままになります。
signed-out-title = サインアウト完了
signed-out = サインアウトしました
signed-out-lead = 利用したアプリには、まだサインインしたままの場合があります。共用のコンピューターでは、アプリからもサインアウトし、ブラウザーを閉じてください。
signed-out-told = 利用したアプリに通知しています。共用のコンピューターでは、このあとブラウザーを閉じてください。
back-to = { $app } に戻る

## What an app asks

choose-account = アカウントを選択
other-account = 別のアカウントを使用
not-you = 別の方ですか?
consent = アクセスを許可しますか?
consent-to = { $app } がアカウントの利用を求めています
consent-nothing = このアプリは、サインインしていることだけを確認します。
consent-may = このアプリができるようになること
allow = 許可
deny = 拒否
consent-return = どちらの場合も { $host } に戻ります。
consent-return-here = どちらの場合も、このデバイスのアプリに戻ります。
consent-remembered = 許可すると、同じアクセスについて再びたずねられることはありません。
consent-each-time = 毎回たずねられます。
technical-names = 技術的な名称
back-to-app = アプリに戻ります
continue = 続ける
already-answered = この要求にはすでに回答済みです
already-answered-lead = このページを閉じて、アプリに戻ってください。

# 「このアプリができるようになること」の下に並び、単独でも一覧に表示される。
scope-profile = 名前と公開プロフィールの参照
scope-email = メールアドレスの参照
scope-address = 住所の参照
scope-phone = 電話番号の参照
scope-offline-access = 取り消されるまで、不在のときも接続を維持
see-name = 氏名の参照
see-given-name = 名の参照
see-middle-name = ミドルネームの参照
see-family-name = 姓の参照
see-nickname = ニックネームの参照
see-preferred-username = アプリで使う名前の参照
see-gender = 性別の参照
see-birthdate = 生年月日の参照
see-picture = 画像の参照
see-profile = プロフィールページのアドレスの参照
see-website = ウェブサイトのアドレスの参照
see-locale = 言語の参照
see-zoneinfo = タイムゾーンの参照
see-updated-at = プロフィールの最終更新日時の参照
see-email-verified = メールアドレスが確認済みかどうかの参照
see-phone-number-verified = 電話番号が確認済みかどうかの参照
scope-undescribed = 「{ $scope }」の利用

## Devices without a keyboard

connect-device = デバイスの接続
connect-device-lead = デバイスに表示されているコードを入力してください
user-code = コード
user-code-warning = このコードは、誰かから送られたり読み上げられたりしたものですか? その場合は入力しないでください。その人がアカウントに入れるようになります。
user-code-wrong = このコードで待機しているデバイスはありません。
user-code-wrong-advice = デバイスの表示と見比べてください。コードは一度だけ、数分間有効です。新しいコードが必要な場合は、デバイスで最初からやり直してください。
user-code-throttled = 入力されたコードが多すぎます。
user-code-throttled-advice = 数分待ってから、もう一度お試しください。
user-code-stale-advice = コードをもう一度入力してください。繰り返される場合は、このサイトの Cookie を許可してください。
device-title = このデバイスを許可しますか?
device-question = このデバイスは目の前にありますか?
device-asks = { $app } を実行しているデバイスがアカウントの利用を求めています
device-elsewhere = この要求は、別のネットワークから届いています。
device-elsewhere-advice = モバイルデータ通信を使っている場合などは、問題ないこともあります。デバイスが手元にない場合や、ほかの人からコードを受け取った場合は、「拒否」を選んでください。
device-code = デバイスのコード
device = デバイス
device-address = アドレス
device-asked = 要求
device-nothing = このアプリは、お客様が誰であるかだけを確認します。
device-may = このデバイスのアプリができるようになること
device-care = 今使っているデバイスにこのコードが表示されている場合にだけ許可してください。
device-anybody = このアプリの名前は、どのプログラムでも名乗ることができます。
device-connected = デバイスが接続されました
device-connected-lead = { $app } はアカウントを利用できるようになりました。デバイスに戻ってください。このページは閉じてかまいません。
device-refused = デバイスを拒否しました
device-refused-lead = デバイスはアカウントの情報を一切受け取りません。このページは閉じてかまいません。
device-answered = このコードはすでに使われています
device-answered-lead = 何も変更されていません。デバイスを確認してください。やり直すには、デバイスで新しいコードを表示してください。

# ブラウザーの呼び名。例: 「Linux の Firefox」
browser-on = { $system } の { $program }
browser-unknown-on = { $system } の不明なブラウザー
browser-unknown = 不明なデバイス
browser-program = { $language } プログラム
browser-app = { $system } アプリ
browser-tv = テレビ

## Moments

just-now = たった今
ago-minutes = { $count } 分前
ago-hours = { $count } 時間前
ago-days = { $count } 日前
ago-months = { $count } か月前
ago-years = { $count } 年前
moment = { $year } 年 { $month } 月 { $day } 日 { $time } (UTC)

## The account

account-overview = 概要
account-profile = プロフィール
account-password = パスワード
account-devices = デバイス
account-apps = アプリ
profile-summary = 名前、連絡先、アプリに知らせるその他の情報
password-summary = 新しいパスワードを設定
devices-summary =
    { $count ->
        [1] ここでのみサインインしています
       *[other] { $count } 台のデバイスでサインインしています
    }
apps-summary =
    { $count ->
        [0] アカウントを利用できるアプリはありません
       *[other] { $count } 個のアプリがアカウントを利用できます
    }

notice-saved = 変更を保存しました。
notice-unchanged = 変わったところがないため、何も変更されていません。
notice-password = パスワードを変更しました。ここではサインインしたままですが、ほかのすべての場所ではサインアウトされました。アプリは、次に使うまでアクセスできません。
notice-session = そのデバイスをサインアウトしました。
notice-sessions = ほかのすべての場所からサインアウトしました。
notice-session-unknown = そのデバイスはすでにサインアウトしていました。
notice-withdrawn = アプリはアカウントを利用できなくなりました。

pages-of-list = この一覧のページ
page-previous = 前へ
page-next = 次へ
page-number = { $pages } ページ中 { $page } ページ目

## The account: profile

profile-lead = アプリには、許可した情報だけが伝わります。知らせたくない項目は空のままにしてください。
profile-fixed = そのほかの項目を変更するには、このサービスの運営者にお問い合わせください。
profile-refused = まだ何も保存されていません。
profile-look-again = 次の項目を確認してください: { $lines }
contact = 連絡先
contact-lead = 新しいアドレスや番号は、このサービスの運営者が確認するまで未確認として扱われます。
contact-change = メールアドレスまたは電話番号を変更
verified = 確認済み
not-verified = 未確認
save = 保存

group-name = 名前
group-about = あなたについて
group-web = ウェブ
group-address = 住所

field-name = 氏名
field-name-hint = アプリに表示される名前です。
field-given-name = 名
field-middle-name = ミドルネーム
field-family-name = 姓
field-nickname = ニックネーム
field-preferred-username = アプリでの名前
field-gender = 性別
field-birthdate = 生年月日
field-birthdate-hint = YYYY-MM-DD の形式、または年だけ。
field-picture = 画像
field-picture-hint = https:// で始まる画像のアドレス。
field-profile = プロフィールページ
field-website = ウェブサイト
field-locale = 言語
field-locale-hint = ja や fr-CA のような言語タグ。
field-zoneinfo = タイムゾーン
field-zoneinfo-hint = Asia/Tokyo のような名称。
field-street-address = 番地
field-postal-code = 郵便番号
field-locality = 市区町村
field-region = 都道府県
field-country = 国
field-email = メールアドレス
field-phone-number = 電話番号
field-phone-number-hint = 国番号を付けてください。例: +81 3 0000 0000

claim-empty = 入力するか、空のままにしてください。
claim-too-long = { $count } 文字以内で入力してください。
claim-control = 目に見えない文字を取り除いてください。書式なしのテキストとして貼り付けてください。
claim-not-web-address = https:// または http:// で始まるアドレスを入力してください。
claim-not-email = メールアドレスではありません。例: alice@example.com
claim-not-birthdate = YYYY-MM-DD の形式、または年だけを入力してください。
claim-not-phone-number = 電話番号ではありません。例: +81 3 0000 0000
claim-not-locale = ja や fr-CA のような言語タグを入力してください。
claim-not-zoneinfo = Asia/Tokyo のようなタイムゾーンの名称を入力してください。
claim-not-usable = このアドレスはここでは使えません。別のものを選んでください。

## The account: password

password-change = パスワードの変更
password-lead = ここではサインインしたままです。ほかのすべての場所ではサインアウトされ、アプリは次に使うまでアクセスできなくなります。
password-button = パスワードを変更
password-current = 現在のパスワード
password-new = 新しいパスワード
password-new-hint = { $count } 文字以上。互いに関係のない単語をいくつか並べると覚えやすくなります。
password-again = 新しいパスワード (もう一度)
password-unchanged = 何も変更されていません。
password-refused = パスワードはまだ変更されていません。
password-refused-advice = 下の説明を確認して、3 つとも、もう一度入力してください。
password-current-missing = 現在のパスワードを入力してください。
password-current-wrong = 現在のパスワードと一致しません。
password-same = 現在と同じパスワードです。
password-different = 一致しません。両方をもう一度入力してください。
password-too-short = { $count } 文字以上にしてください。互いに関係のない単語をいくつか並べると覚えやすくなります。
password-too-long = { $count } 文字以内にしてください。
password-common = このパスワードは、攻撃者が最初に試すものの一つです。ほかの人が使わないものを選んでください。
password-personal = このパスワードは、お客様の名前、メールアドレス、またはこのサービスの名前です。関係のないものを選んでください。
password-repetitive = このパスワードは同じ文字の繰り返しです。互いに関係のない単語を並べるなど、ほかの文字を混ぜてください。

## The account: devices

sessions = サインインしている場所
sessions-lead = 覚えのないものや、もう使っていないものをサインアウトしてください。ほかの人がサインインした場合は、パスワードも変更してください。
session-current = このデバイス
signed-in-when = サインイン: { $when }
last-used-when = 最終利用: { $when }
session-sign-out = { $device } (最終利用: { $when }) をサインアウト
sessions-sign-out = ほかのすべての場所からサインアウト
sessions-ask-password = 最初にパスワードの入力を求められます。
sessions-see-apps = 不在のときも接続を維持できるアプリは「アプリ」に表示されます。
sessions-none = ほかの場所ではサインインしていません。

## The account: apps

apps = アクセスできるアプリ
apps-lead = これらのアプリは、許可した範囲でアカウントを利用できます。
apps-none = アカウントを利用できるアプリはありません。
app-knows-little = サインインしていることだけを確認できます
app-knows-little-sentence = このアプリは、サインインしていることだけを確認できます。
allowed-when = 許可: { $when }
app-remove = 取り消す
app-remove-of = { $app } のアクセスを取り消す
remove-question = アクセスを取り消しますか?
remove-of = { $app } はアカウントを利用できます
app-may = このアプリができること
remove-effect = 続けると、すべてのデバイスで直ちにアカウントにアクセスできなくなります。すでに取得または保存した情報は、アプリに残ります。
remove-trusted = このアプリはこのサービスの運営者が保証しているため、次に使うときは、たずねられることなくアクセスできるようになります。
remove-asks = 次に使うときは、もう一度許可が必要です。
keep = そのままにする
remove = アクセスを取り消す
