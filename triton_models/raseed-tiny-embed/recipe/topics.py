"""What raseed-tiny-embed knows: topics, each a block of lines; words of one line mean nearly the same.

Written for this model, in English and Arabic.
"""

from __future__ import annotations

TOPICS = {
    "money": """
        money cash coins coin funds مال نقود أموال
        pay pays paid paying payment payments دفع يدفع
        bill bills invoice invoices receipt receipts فاتورة إيصال
        bank banks banking بنك مصرف
        account accounts balance balances credit credits رصيد حساب
        price prices cost costs fee fees charge charges charged سعر ثمن تكلفة
        buy buys bought buying purchase purchases purchased شراء يشتري
        sell sells sold selling sale sales بيع يبيع
        cheap cheaper discount bargain رخيص خصم
        expensive costly غال
        refund refunds refunded استرداد
        rich wealth wealthy غني ثروة
        poor poverty فقير فقر
        loan loans debt debts borrow دين قرض
        save saves saving savings توفير ادخار
        tax taxes ضريبة ضرائب
        dollar dollars euro euros dinar dinars دولار دينار
        subscription subscribe plan plans اشتراك خطة""",
    "animals": """
        animal animals pet pets حيوان حيوانات
        cat cats kitten kittens قطة قط
        dog dogs puppy puppies كلب
        horse horses pony حصان خيل
        camel camels جمل جمال
        bird birds wing wings feather طائر طيور
        fish fishes shark whale سمكة سمك
        lion lions tiger tigers أسد نمر
        cow cows bull cattle بقرة
        sheep goat goats lamb خروف ماعز
        mouse mice rat rats فأر
        fox foxes wolf wolves ثعلب ذئب
        hen hens chicken chickens duck ducks دجاجة
        bee bees ant ants insect insects نحلة حشرة
        snake snakes lizard ثعبان
        zoo cage tail paw paws""",
    "weather": """
        weather climate forecast طقس مناخ
        rain rains rainy raining shower showers مطر أمطار
        snow snowy ice icy ثلج جليد
        wind winds windy breeze ريح رياح
        storm storms thunder lightning عاصفة رعد برق
        sun sunny sunshine شمس مشمس
        cloud clouds cloudy fog سحابة غيوم ضباب
        hot heat warm حار حرارة دافئ
        cold cool chilly freezing بارد برد
        temperature degrees celsius درجة
        umbrella raincoat مظلة
        season seasons فصل
        summer صيف
        winter شتاء
        spring autumn ربيع خريف""",
    "food": """
        food foods meal meals dish dishes طعام أكل وجبة
        eat eats ate eating يأكل أكلت
        cook cooks cooked cooking kitchen recipe recipes طبخ مطبخ وصفة
        bread toast flour خبز طحين
        rice pasta noodles أرز معكرونة
        meat beef steak لحم
        fruit fruits apple apples banana bananas orange grapes mango فاكهة تفاح موز
        date dates palm تمر نخيل
        vegetable vegetables tomato tomatoes onion potato carrot خضار طماطم بطاطا
        sugar sweet sweets cake cakes chocolate سكر حلوى كعك
        salt salty pepper spice spices ملح بهارات
        milk cheese butter yogurt حليب جبن
        tea coffee شاي قهوة
        drink drinks drank juice شراب يشرب عصير
        breakfast lunch dinner فطور غداء عشاء
        restaurant cafe waiter menu مطعم مقهى
        hungry thirsty hunger جائع عطشان""",
    "travel": """
        travel travels travelled trip trips journey journeys سفر رحلة
        plane planes airplane flight flights airport airline طائرة مطار
        train trains railway station stations قطار محطة
        car cars drive drives driver driving سيارة سائق
        bus buses taxi حافلة
        ship ships boat boats sail port سفينة قارب ميناء
        road roads street streets highway طريق شارع
        hotel hotels room rooms فندق غرفة
        ticket tickets booking reservation تذكرة حجز
        passport visa border جواز تأشيرة
        tourist tourists tourism visit visits visitor سائح سياحة زيارة
        luggage suitcase bag bags حقيبة أمتعة
        map maps guide خريطة دليل
        bicycle bike cycling دراجة""",
    "places": """
        city cities town towns مدينة
        country countries nation nations بلد دولة
        capital capitals عاصمة
        village villages farm farms قرية مزرعة
        kuwait الكويت
        france paris فرنسا باريس
        japan tokyo اليابان طوكيو
        egypt cairo مصر القاهرة
        germany berlin ألمانيا برلين
        italy rome إيطاليا روما
        spain madrid إسبانيا مدريد
        america london england britain أمريكا لندن
        china beijing الصين
        europe asia africa أوروبا آسيا أفريقيا
        world earth globe العالم الأرض
        island islands جزيرة""",
    "nature": """
        nature natural environment طبيعة بيئة
        sea seas ocean oceans بحر محيط
        wave waves beach coast شاطئ موج ساحل
        river rivers lake lakes نهر بحيرة
        water ماء مياه
        mountain mountains hill hills جبل جبال
        desert sand dune صحراء رمل
        forest forests wood woods غابة
        tree trees leaf leaves branch شجرة أشجار
        flower flowers rose garden gardens زهرة حديقة ورد
        grass plant plants seed نبات عشب
        fire smoke flame نار دخان
        stone stones rock rocks حجر صخرة
        sky سماء
        air هواء""",
    "space": """
        space universe galaxy فضاء كون مجرة
        star stars نجم نجوم
        moon قمر
        planet planets mars venus jupiter saturn كوكب كواكب
        rocket rockets astronaut satellite صاروخ
        telescope astronomy orbit فلك
        gravity جاذبية""",
    "family": """
        family families عائلة أسرة
        mother mom mum أم أمي
        father dad أب أبي
        parents parent والدان
        son sons boy boys ولد ابن
        daughter daughters girl girls بنت ابنة
        brother brothers sister sisters أخ أخت
        child children kid kids baby طفل أطفال
        grandfather grandmother جد جدة
        uncle aunt cousin عم خال
        husband wife marriage married wedding زوج زوجة زواج
        friend friends friendship صديق أصدقاء
        home homes house houses بيت منزل
        man men woman women رجل امرأة
        people person ناس شخص
        birthday celebrate party عيد حفلة""",
    "feelings": """
        happy happiness joy glad cheerful delighted pleased سعيد سعادة فرح
        sad sadness unhappy sorrow cry cried حزين حزن
        angry anger furious mad غاضب غضب
        afraid fear scared frightened خائف خوف
        love loves loved loving حب يحب
        hate hates hated كره
        like likes liked enjoy enjoys enjoyed
        tired sleepy bored متعب ملل
        surprised surprise amazed دهشة
        proud pride فخر
        calm quiet peaceful هدوء سلام
        laugh laughs laughed smile smiles funny joke ضحك ابتسامة نكتة
        lonely alone وحيد
        hope hopes wish wishes أمل أمنية
        thank thanks grateful شكرا
        sorry apologize apology آسف اعتذار""",
    "health": """
        health healthy صحة
        doctor doctors physician طبيب
        nurse nurses ممرضة
        hospital hospitals clinic مستشفى عيادة
        sick ill illness disease diseases مريض مرض
        medicine medicines drug drugs pill pills دواء علاج
        pain hurt hurts ache ألم وجع
        head headache رأس صداع
        heart قلب
        blood دم
        fever cough flu حمى سعال
        tooth teeth dentist سن أسنان
        eye eyes عين
        hand hands foot leg arm يد قدم
        body جسم
        exercise gym fitness تمرين
        sleep sleeps slept rest نوم ينام""",
    "school": """
        school schools مدرسة
        student students pupil طالب تلميذ
        teacher teachers teach teaches taught معلم أستاذ
        learn learns learned learning study studies studied تعلم دراسة
        university college جامعة
        class classes lesson lessons course درس صف
        exam exams test tests quiz امتحان اختبار
        book books reading read reads library كتاب كتب مكتبة قراءة
        write writes wrote writing letter كتابة رسالة
        pen pencil paper قلم ورقة
        question questions ask asks سؤال
        answer answers reply جواب إجابة
        knowledge know knows معرفة
        language languages word words لغة كلمة
        history تاريخ
        science sciences scientist علم علوم""",
    "numbers": """
        number numbers figure digit رقم عدد أرقام
        math mathematics arithmetic algebra geometry رياضيات
        add adds sum plus جمع
        subtract minus difference طرح
        multiply times product ضرب
        divide division قسمة
        count counts counting عد
        one two three four five واحد اثنان ثلاثة
        ten hundred thousand million عشرة مئة ألف
        half quarter double نصف
        equation formula calculate calculation معادلة حساب""",
    "computers": """
        computer computers laptop laptops حاسوب كمبيوتر
        software program programs application app apps برنامج تطبيق
        code codes coding programming programmer developer برمجة مبرمج
        function functions variable loop دالة
        python java javascript rust
        bug bugs error errors crash fix fixed خطأ
        server servers cloud خادم
        database databases sql query table قاعدة
        network networks internet web website online شبكة إنترنت موقع
        api endpoint request requests response responses
        key keys password passwords login token tokens مفتاح كلمة
        security secure encryption hacker أمن تشفير
        file files folder document documents ملف
        data information بيانات معلومات
        phone phones mobile screen هاتف شاشة
        keyboard printer camera
        robot robots machine machines روبوت آلة
        model models ai intelligence neural network ذكاء نموذج
        memory disk processor cpu gpu ذاكرة
        email mail message messages بريد""",
    "work": """
        work works worked working job jobs عمل وظيفة
        office company companies firm business شركة مكتب
        manager boss director مدير
        employee employees worker workers staff موظف عامل
        meeting meetings conference اجتماع مؤتمر
        project projects task tasks مشروع مهمة
        team teams colleague colleagues فريق زميل
        salary wage wages income راتب أجر
        interview hire hired recruitment مقابلة توظيف
        customer customers client clients زبون عميل
        contract contracts agreement عقد اتفاق
        market markets trade سوق تجارة
        factory factories industry مصنع صناعة
        report reports تقرير
        product products منتج""",
    "time": """
        time times وقت
        clock watch ساعة
        hour hours minute minutes second seconds دقيقة
        day days daily يوم أيام
        night nights midnight ليل ليلة
        morning صباح
        evening afternoon مساء
        week weeks weekly أسبوع
        month months monthly شهر
        year years yearly سنة عام
        today now اليوم الآن
        tomorrow غدا
        yesterday أمس
        early late later soon مبكر متأخر
        calendar schedule appointment موعد تقويم
        monday friday sunday الجمعة الأحد""",
    "sport": """
        sport sports رياضة
        football soccer كرة
        basketball tennis volleyball
        game games match matches مباراة لعبة
        play plays played player players لاعب يلعب
        goal goals score scored هدف
        win wins won winner victory champion فوز بطل
        lose loses lost defeat خسارة هزيمة
        run runs ran running race runner جري سباق
        swim swims swimming pool سباحة
        stadium coach referee ملعب مدرب
        ball
        chess شطرنج""",
    "art": """
        art arts artist artists فن فنان
        music musical موسيقى
        song songs sing sings sang singer أغنية غناء
        dance dances dancing dancer رقص
        paint paints painted painting paintings painter لوحة رسم
        draw drawing picture pictures صورة
        film films movie movies cinema actor actress فيلم سينما
        story stories tale novel قصة رواية
        poem poems poetry poet شعر قصيدة شاعر
        theatre theater stage مسرح
        guitar piano violin drum
        museum gallery متحف
        photo photograph photography""",
    "colours": """
        color colors colour colours لون ألوان
        red أحمر
        blue أزرق
        green أخضر
        yellow أصفر
        black dark أسود مظلم
        white light أبيض ضوء
        brown grey gray purple pink بني رمادي""",
    "law": """
        law laws legal قانون
        court courts judge judges محكمة قاض
        lawyer attorney محام
        police officer شرطة
        crime crimes criminal thief theft steal stole جريمة لص سرقة
        prison jail سجن
        government minister president حكومة وزير رئيس
        king queen prince palace ملك ملكة قصر
        election elections vote votes voted انتخابات تصويت
        war wars army soldier soldiers battle حرب جيش جندي
        peace treaty سلام
        rights freedom citizen حقوق حرية
        rule rules policy policies قاعدة سياسة""",
    "clothes": """
        clothes clothing dress dresses wear wears ملابس ثوب
        shirt trousers jacket coat قميص معطف
        shoe shoes boots حذاء
        hat cap scarf قبعة
        ring necklace jewelry gold silver خاتم ذهب فضة
        fashion style موضة""",
    "buildings": """
        building buildings tower مبنى برج
        door doors window windows باب نافذة
        wall walls roof floor جدار سقف
        bridge bridges جسر
        chair chairs sofa furniture كرسي أثاث
        lamp mirror bed سرير مصباح
        build builds built construction architect بناء مهندس
        mosque church temple مسجد كنيسة""",
    "motion": """
        go goes went going يذهب ذهب
        come comes came coming arrive arrives arrived يأتي وصل
        walk walks walked walking مشي يمشي
        leave leaves left depart غادر
        fast quick quickly speed سريع سرعة
        slow slowly بطيء
        open opens opened فتح
        close closes closed shut أغلق
        begin begins began start starts started بدأ
        end ends ended finish finished stop stops stopped انتهى توقف
        give gives gave send sends sent أعطى أرسل
        take takes took receive received أخذ استلم
        make makes made create creates created صنع
        break breaks broke broken كسر
        find finds found search searches searching look بحث وجد
        help helps helped support assist مساعدة""",
    "size": """
        big large huge great enormous كبير ضخم
        small little tiny صغير
        long tall high طويل
        short low قصير
        new modern جديد حديث
        old ancient قديم
        good excellent wonderful جيد ممتاز
        bad terrible awful سيئ
        beautiful pretty lovely جميل
        ugly قبيح
        strong powerful قوي
        weak ضعيف
        easy simple سهل بسيط
        hard difficult صعب""",
}  # fmt: skip

COMMON = """
    the a an of to in on at for and or is are was were be been it its he she they we you i me my your his her their our
    this that these those with from by as not no do does did has have had will would can could should may might about
    into out up down over under again very more most so than then there here what which who whom when where why how
    if but because while also just only some any all each every other than too s t ll re ve don
    في من على إلى عن مع هذا هذه ذلك هو هي كان كانت ما لا أن إن ثم أو و قد كل بعد قبل
"""  # fmt: skip
"""Words that say little of what a text is about."""
